/**
 * The transport that works: Socket.IO, or single HTTP requests where a proxy lets nothing else through.
 *
 * Owns the choice. Called by the client's creators. Socket.IO comes first, because its messages arrive at once. Only
 * Socket.IO reaches a plain server, which does not know the HTTP requests. Must not reconnect by itself; the connection
 * decides when.
 */

import { httpTransport } from "./http";
import type { Transport, TransportListener } from "./ports";
import { socketIoTransport, type SocketIoOptions } from "./socketio";
import type { JsonObject } from "./wire";

/** A connection that ends sooner has failed: without stickiness, long polling may work for a few requests. */
const STABLE_MS = 20_000;
/** How often Socket.IO must fail in a row after it has worked: until then the server is probably restarting. */
const MAX_FAILURES = 3;

/** Return the transport for a server. */
export function bestTransport(options: SocketIoOptions): Transport {
  return fallbackTransport(socketIoTransport(options), httpTransport(options.url.replace(/\/+$/, "")));
}

export function fallbackTransport(sockets: Transport, http: Transport, now = () => Date.now()): Transport {
  let listener: TransportListener | null = null;
  let current = sockets;
  let auth: JsonObject = {};
  let hasWorked = false;
  let failures = 0;
  let opened: number | null = null;

  sockets.listen({
    connected(isWebSocket) {
      if (current !== sockets) return;
      opened = now();
      hasWorked ||= isWebSocket === true;
      listener?.connected();
    },
    disconnected(reason, refused) {
      if (current !== sockets) return;
      const wasStable = opened !== null && now() - opened > STABLE_MS;
      opened = null;
      hasWorked ||= wasStable;
      failures = wasStable ? 0 : failures + 1;
      if (refused !== undefined || wasStable || failures < (hasWorked ? MAX_FAILURES : 1)) {
        listener?.disconnected(reason, refused);
        return;
      }
      sockets.close();
      current = http;
      http.open(auth);
    },
    received: (event, payload) => current === sockets && listener?.received(event, payload),
  });
  http.listen({
    connected: () => listener?.connected(),
    disconnected(reason, refused) {
      current = sockets;
      listener?.disconnected(reason, refused);
    },
    received: (event, payload) => listener?.received(event, payload),
  });

  return {
    listen: (next) => void (listener = next),
    open(given) {
      auth = given;
      current.open(given);
    },
    close() {
      sockets.close();
      http.close();
    },
    emit: (event, payload) => current.emit(event, payload),
    async request(event, payload, timeout_ms) {
      const used = current;
      try {
        return await used.request(event, payload, timeout_ms);
      } catch (error) {
        if (used === http) current = sockets;
        throw error;
      }
    },
  };
}

/**
 * Chooses a transport that works: Socket.IO, or separate HTTP requests if a proxy blocks Socket.IO.
 *
 * Owns the choice. Called by the client's creators. Socket.IO is tried first, because its messages arrive immediately.
 * Only Socket.IO works with a plain server, which does not support the HTTP requests. Must not reconnect by itself; the
 * connection decides when.
 */

import { httpTransport } from "./http";
import type { Transport, TransportListener } from "./ports";
import { socketIoTransport, type SocketIoOptions } from "./socketio";
import type { JsonObject } from "./wire";

/** A connection that ends sooner has failed. Without sticky sessions, long polling can work for a few requests. */
const STABLE_MS = 20_000;
/**
 * Number of consecutive failures before the change to HTTP, if Socket.IO has worked before.
 *
 * With fewer failures, the server is probably restarting.
 */
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
  /** Whether an HTTP request has failed, so that the next connection tries Socket.IO again. */
  let httpFailed = false;
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
      if (httpFailed) current = sockets;
      httpFailed = false;
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
        httpFailed ||= used === http;
        throw error;
      }
    },
  };
}

/**
 * The transport over Socket.IO: WebSocket, or long polling where WebSocket is blocked.
 *
 * Owns the socket. Called by `connection.ts`. Must not reconnect by itself; the connection decides when.
 */

import { io, type Socket } from "socket.io-client";

import type { Transport, TransportListener } from "./ports";
import { isObject, type JsonObject } from "./wire";

export interface SocketIoOptions {
  /** The server's URL, including the path below which a proxy serves it. */
  url: string;
  /** Path of Socket.IO below the path of `url`. Default: `/socket.io`. */
  path?: string;
  /** Socket.IO namespace. Default: `/`. */
  namespace?: string;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** Read the reason for a rejected connection. python-socketio sends a sentence and optional `data`. */
function refusal(error: Error & { data?: unknown }): { code: string; message: string } {
  const data = isObject(error.data) ? error.data : {};
  return {
    code: typeof data["code"] === "string" ? data["code"] : "connection_refused",
    message: typeof data["message"] === "string" ? data["message"] : error.message,
  };
}

export function socketIoTransport(options: SocketIoOptions): Transport {
  let socket: Socket | null = null;
  let listener: TransportListener | null = null;

  function drop(): void {
    socket?.removeAllListeners();
    socket?.offAny();
    socket?.io.removeAllListeners();
    socket?.disconnect();
    socket = null;
  }

  return {
    listen(next) {
      listener = next;
    },
    open(auth) {
      drop();
      const namespace = options.namespace ?? "/";
      const { origin, pathname } = new URL(options.url);
      const own = io(origin + (namespace.startsWith("/") ? namespace : `/${namespace}`), {
        path: pathname.replace(/\/+$/, "") + (options.path ?? "/socket.io"),
        auth,
        transports: ["websocket", "polling"],
        tryAllTransports: true,
        reconnection: false,
        forceNew: true,
        timeout: CONNECT_TIMEOUT_MS,
      });
      socket = own;
      own.on("connect", () => listener?.connected(own.io.engine.transport.name === "websocket"));
      own.on("disconnect", (reason) => {
        if (socket === own) listener?.disconnected(reason);
      });
      own.on("connect_error", (error: Error & { data?: unknown; type?: string }) => {
        if (socket !== own) return;
        // Transport errors have a type, but a rejection by the server does not.
        const refused = error.type === undefined && error.message !== "timeout";
        listener?.disconnected(error.message, refused ? refusal(error) : undefined);
      });
      own.onAny((event: string, payload: unknown) => listener?.received(event, payload));
    },
    close: drop,
    emit(event: string, payload: JsonObject) {
      if (socket?.connected === true) socket.emit(event, payload);
    },
    request(event, payload, timeout_ms) {
      if (socket?.connected !== true) return Promise.reject(new Error("not connected"));
      return socket.timeout(timeout_ms).emitWithAck(event, payload);
    },
  };
}

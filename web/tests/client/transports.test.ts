import { beforeEach, expect, it } from "vitest";

import type { Transport, TransportListener } from "../../src/client/ports";
import { fallbackTransport } from "../../src/client/transports";

class Scripted implements Transport {
  listener!: TransportListener;
  opened = 0;
  fails = false;

  listen(listener: TransportListener): void {
    this.listener = listener;
  }
  open(): void {
    this.opened += 1;
  }
  close(): void {}
  emit(): void {}
  async request(): Promise<unknown> {
    if (this.fails) throw new Error("no answer");
    return { ok: true };
  }
}

let sockets: Scripted;
let http: Scripted;
let time: number;
let heard: string[];
let transport: Transport;

beforeEach(() => {
  sockets = new Scripted();
  http = new Scripted();
  time = 0;
  heard = [];
  transport = fallbackTransport(sockets, http, () => time);
  transport.listen({
    connected: () => heard.push("connected"),
    disconnected: (_, refused) => heard.push(refused === undefined ? "disconnected" : "refused"),
    received: (event) => heard.push(event),
  });
  transport.open({});
});

it("changes to HTTP requests at once when no socket can be opened", () => {
  sockets.listener.disconnected("transport error");
  expect(http.opened).toBe(1);
  http.listener.connected();
  sockets.listener.disconnected("closed"); // Socket.IO reports some failures twice
  http.listener.received("bot_uttered", {});
  expect(heard).toEqual(["connected", "bot_uttered"]);
});

it("changes when a connection breaks soon, as without stickiness", () => {
  sockets.listener.connected(false);
  time = 5_000;
  sockets.listener.disconnected("transport error");
  expect(http.opened).toBe(1);
});

it("stays with Socket.IO when a WebSocket has worked, unless it fails again and again", () => {
  sockets.listener.connected(true);
  for (let failure = 0; failure < 2; failure += 1) sockets.listener.disconnected("transport close");
  expect([http.opened, heard.at(-1)]).toEqual([0, "disconnected"]);
  sockets.listener.disconnected("transport error");
  expect(http.opened).toBe(1);
});

it("stays with Socket.IO when the server rejects the visitor", () => {
  sockets.listener.disconnected("no", { code: "jwt_expired", message: "no" });
  expect([http.opened, heard]).toEqual([0, ["refused"]]);
});

it("returns to Socket.IO when the HTTP requests fail: the server is a plain one, or down", async () => {
  sockets.listener.disconnected("transport error");
  http.fails = true;
  await expect(transport.request("session_request", {}, 1)).rejects.toThrow();
  transport.open({});
  expect(sockets.opened).toBe(2);
});

it("keeps the connection over HTTP after one failed request, so that the request can be repeated", async () => {
  sockets.listener.disconnected("transport error");
  http.fails = true;
  await expect(transport.request("user_uttered", {}, 1)).rejects.toThrow();
  http.fails = false;
  sockets.fails = true; // there is no socket
  expect(await transport.request("user_uttered", {}, 1)).toEqual({ ok: true });
});

it("opens the next connection over HTTP, too, for example with a new token", () => {
  sockets.listener.disconnected("transport error");
  transport.close();
  transport.open({ token: "new" });
  expect([sockets.opened, http.opened]).toEqual([1, 2]);
});

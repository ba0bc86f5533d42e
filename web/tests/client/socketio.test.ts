import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { Server } from "socket.io";
import { afterEach, beforeEach, expect, it } from "vitest";

import type { Transport } from "../../src/client/ports";
import { socketIoTransport } from "../../src/client/socketio";

let io: Server;
let url: string;
let transport: Transport;
let events: unknown[][];
/** Resolves with the next event of the transport. */
let next: () => Promise<unknown[]>;

beforeEach(async () => {
  const http = createServer();
  io = new Server(http, { path: "/behind/a/proxy/socket.io" });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/behind/a/proxy/`;
  events = [];
  let wake = (): void => undefined;
  let read = 0;
  const add = (...event: unknown[]): void => {
    events.push(event);
    wake();
  };
  next = async () => {
    while (events.length <= read) await new Promise<void>((resolve) => (wake = resolve));
    return events[read++]!;
  };
  transport = socketIoTransport({ url });
  transport.listen({
    connected: () => add("connected"),
    disconnected: (_reason, refused) => add("disconnected", refused),
    received: (event, payload) => add("received", event, payload),
  });
});

afterEach(async () => {
  transport.close();
  await io.close();
});

it("sends the token, requests and events, and passes on what the server sends", async () => {
  const got: unknown[] = [];
  io.on("connection", (socket) => {
    got.push(socket.handshake.auth);
    socket.on("ask", (payload, acknowledge: (answer: unknown) => void) => acknowledge({ echo: payload }));
    socket.on("say", (payload) => {
      got.push(payload);
      socket.emit("heard", payload);
    });
  });
  transport.open({ token: "t" });
  expect(await next()).toEqual(["connected"]);

  expect(await transport.request("ask", { a: 1 }, 5_000)).toEqual({ echo: { a: 1 } });
  transport.emit("say", { b: 2 });
  expect(await next()).toEqual(["received", "heard", { b: 2 }]);
  expect(got).toEqual([{ token: "t" }, { b: 2 }]);
});

it("reports the reason of a rejected connection", async () => {
  io.use((_socket, proceed) => {
    const error: Error & { data?: unknown } = new Error("not allowed");
    error.data = { code: "jwt_expired", message: "sign in again" };
    proceed(error);
  });
  transport.open({});

  expect(await next()).toEqual(["disconnected", { code: "jwt_expired", message: "sign in again" }]);
});

it("reports a lost connection, and rejects requests without one", async () => {
  transport.open({});
  expect(await next()).toEqual(["connected"]);
  io.disconnectSockets(true);

  expect(await next()).toEqual(["disconnected", undefined]);
  await expect(transport.request("ask", {}, 1_000)).rejects.toThrow("not connected");
});

it("reports nothing after it was closed", async () => {
  transport.open({});
  expect(await next()).toEqual(["connected"]);
  transport.close();
  const closed = events.length;
  await new Promise<void>((resolve) => {
    io.fetchSockets().then(() => setImmediate(resolve), resolve);
  });

  expect(events.length).toBe(closed);
});

import { expect, it } from "vitest";

import { connect, memoryStore, systemChance } from "../../src/client/connect";
import type { ClientEvent } from "../../src/client/events";
import { FakeSocket, settle, World } from "./world";

it("starts a client over the given ports, with defaults for the others", async () => {
  const world = new World();
  const transport = new FakeSocket(world.server, world.clock);
  const client = connect({ url: "http://localhost:5005", ports: { transport, clock: world.clock } });
  const events: ClientEvent[] = [];
  client.subscribe((event) => events.push(event));
  await settle();

  expect(client.sessionId).not.toBe(null);
  expect(events.map(({ type }) => type)).toContain("joined");
  client.stop();
});

it("keeps values in memory, by prefix", () => {
  const store = memoryStore();
  store.set("a:1", "x");
  store.set("b:1", "y");

  expect(store.persistent).toBe(false);
  expect(store.keys("a:")).toEqual(["a:1"]);
  store.remove("a:1");
  expect(store.get("a:1")).toBe(null);
});

it("creates a different id each time", () => {
  expect(new Set(Array.from({ length: 100 }, () => systemChance.id())).size).toBe(100);
});

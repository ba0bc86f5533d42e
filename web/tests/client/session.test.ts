import { expect, it } from "vitest";

import { SessionMemory } from "../../src/client/session";
import { SharedStorage } from "./world";

it("returns what was stored, and null for a damaged value", () => {
  const storage = new SharedStorage();
  const memory = new SessionMemory(storage.tab(), "test");
  expect(memory.get()).toBe(null);
  memory.enter({ session_id: "s", session_token: "t", epoch: "e" });
  expect(memory.joined).toEqual({ session_id: "s", session_token: "t", epoch: "e" });
  expect(new SessionMemory(storage.tab(), "test").get()).toEqual(memory.joined);

  for (const damaged of ["{", "7", '{"session_id":7}']) {
    storage.values.set("test:session", damaged);
    expect(memory.get()).toBe(null);
  }
});

it("writes only changes, so that other tabs are not woken for nothing", () => {
  const storage = new SharedStorage();
  const changes: string[] = [];
  storage.tab().watch((key) => changes.push(key));
  const memory = new SessionMemory(storage.tab(), "test");
  memory.set({ session_id: "s" });
  memory.set({ session_id: "s" });
  memory.forget();

  expect(changes).toEqual(["test:session", "test:session"]);
  expect(memory.owns("test:session")).toBe(true);
});

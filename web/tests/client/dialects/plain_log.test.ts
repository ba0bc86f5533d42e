import { beforeEach, expect, it } from "vitest";

import { PlainLog } from "../../../src/client/dialects/plain_log";
import { SharedStorage } from "../world";

let storage: SharedStorage;
let log: PlainLog;
beforeEach(() => {
  storage = new SharedStorage();
  log = new PlainLog(storage.tab(), "test");
});

it("numbers messages in the order of arrival and returns them on the next visit", () => {
  expect(log.load("s")).toEqual([]);
  const user = log.addUser({ message: "/greet", message_id: "m1" }, 2_000);
  const bot = log.addBot({ text: "hi" }, 3_000);
  const custom = log.addBot("only text", 4_000);

  expect(user).toMatchObject({ seq: 1, prev: 0, timestamp: 2, payload: true });
  expect(bot).toMatchObject({ seq: 2, prev: 1, body: { text: "hi" } });
  expect(custom).toMatchObject({ seq: 3, body: { custom: "only text" } });
  expect(new PlainLog(storage.tab(), "test").load("s")).toEqual([user, bot, custom]);
});

it("deletes the history of another session, and survives a damaged one", () => {
  log.load("s");
  log.addBot({ text: "hi" }, 0);
  const other = new PlainLog(storage.tab(), "test");

  expect(other.load("t")).toEqual([]);
  expect([...storage.values.keys()]).toEqual([]);
  storage.values.set("test:plain:u", "{");
  expect(new PlainLog(storage.tab(), "test").load("u")).toEqual([]);
});

it("does not take its messages along into another session", () => {
  log.load("s");
  log.addBot({ text: "of s" }, 0);
  expect(log.load("s")).toHaveLength(1);

  expect(log.load("t")).toEqual([]);
  log.addBot({ text: "of t" }, 0);
  expect(new PlainLog(storage.tab(), "test").load("t")).toMatchObject([{ body: { text: "of t" } }]);
});

it("stores the newest 200 messages, and nothing once cleared", () => {
  log.load("s");
  for (let i = 0; i < 205; i += 1) log.addBot({ text: `${i}` }, 0);
  const stored = new PlainLog(storage.tab(), "test").load("s");
  expect([stored.length, stored.at(-1)!.seq]).toEqual([200, 205]);
  log.clear();

  expect([...storage.values.keys()]).toEqual([]);
});

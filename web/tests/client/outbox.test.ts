import { beforeEach, describe, expect, it } from "vitest";

import { Outbox, type OutboxEntry } from "../../src/client/outbox";
import { SharedStorage } from "./world";

function entry(message_id: string, extra: Partial<OutboxEntry> = {}): OutboxEntry {
  return {
    message_id,
    session_id: "s",
    epoch: "e",
    message: message_id,
    written: 1,
    state: "sending",
    ...extra,
  };
}

let storage: SharedStorage;
let outbox: Outbox;
const ids = (): string[] => outbox.list().map(({ message_id }) => message_id);
beforeEach(() => {
  storage = new SharedStorage();
  outbox = new Outbox(storage.tab(), "test");
});

describe("the outbox", () => {
  it("lists entries in the order of writing and finds them again after a reload", () => {
    outbox.put(entry("b", { written: 2 }));
    outbox.put(entry("a", { written: 1 }));

    expect(ids()).toEqual(["a", "b"]);
    expect(new Outbox(storage.tab(), "test").list()).toEqual(outbox.list());
    expect(new Outbox(storage.tab(), "other").list()).toEqual([]);
  });

  it("ignores a stored value that is damaged", () => {
    storage.values.set("test:outbox:x", "{");
    storage.values.set("test:outbox:y", JSON.stringify({ message_id: "y" }));

    expect(outbox.reload()).toEqual({ changed: false, gone: [] });
  });

  it("reports what another tab added and removed", () => {
    const other = new Outbox(storage.tab(), "test");
    other.put(entry("a"));
    expect(outbox.reload()).toEqual({ changed: true, gone: [] });
    other.remove("a");

    expect(outbox.reload()).toEqual({ changed: true, gone: [entry("a")] });
  });

  it("keeps an acknowledged entry until the log has reached its number", () => {
    outbox.put(entry("a", { state: "sent", seq: 7 }));
    expect([...storage.values.keys()]).toEqual([]);
    outbox.settle([], 6);
    expect(ids()).toEqual(["a"]);
    outbox.settle([], 7);

    expect(ids()).toEqual([]);
  });

  it("assigns entries from before the first session to it, and drops those of other sessions", () => {
    outbox.put(entry("early", { session_id: null, epoch: null }));
    outbox.put(entry("other", { epoch: "old" }));
    outbox.put(entry("sent", { epoch: "old", state: "sent", seq: 1 }));
    outbox.adopt("s", "e");

    expect(outbox.dropOthers("s", "e").map(({ message_id }) => message_id)).toEqual(["other"]);
    expect(outbox.list()).toEqual([entry("early")]);
  });
});

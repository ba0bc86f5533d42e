// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from "vitest";

import { browserStore } from "../../src/ui/browser";
import { Outbox } from "../../src/client/outbox";

/** `localStorage`, which rejects every write while `isFull`. */
class FakeStorage {
  getItem(key: string): string | null {
    return Object.hasOwn(this, key) ? String(this[key as keyof this]) : null;
  }

  setItem(key: string, value: string): void {
    if (isFull) throw new DOMException("full", "QuotaExceededError");
    Object.assign(this, { [key]: value });
  }

  removeItem(key: string): void {
    delete this[key as keyof this];
  }
}

let isFull: boolean;

beforeEach(() => {
  isFull = false;
  vi.stubGlobal("localStorage", new FakeStorage());
});

describe("the store of a browser whose storage is full", () => {
  it("keeps new values for this page", () => {
    const store = browserStore("local");
    store.set("chat:session", "old");
    isFull = true;
    store.set("chat:session", "new");
    store.set("chat:outbox:m1", "hello");

    expect(store.get("chat:session")).toBe("new");
    expect(store.get("chat:outbox:m1")).toBe("hello");
    expect(store.keys("chat:").sort()).toEqual(["chat:outbox:m1", "chat:session"]);

    store.remove("chat:session");
    store.remove("chat:outbox:m1");
    expect(store.get("chat:session")).toBe(null);
    expect(store.keys("chat:")).toEqual([]);
  });

  it("prefers what another tab stores later", () => {
    const store = browserStore("local");
    isFull = true;
    store.set("chat:session", "mine");
    const changes: (string | null)[] = [];
    const unwatch = store.watch((key) => changes.push(store.get(key)));
    isFull = false;
    localStorage.setItem("chat:session", "theirs");
    dispatchEvent(Object.assign(new Event("storage"), { key: "chat:session", storageArea: localStorage }));
    unwatch();

    expect(changes).toEqual(["theirs"]);
  });

  it("keeps an unsent message in the outbox when the outbox is read again", () => {
    const store = browserStore("local");
    isFull = true;
    const outbox = new Outbox(store, "chat");
    outbox.put({
      message_id: "m1",
      session_id: "s",
      epoch: "e",
      message: "hello",
      written: 1,
      state: "sending",
    });

    expect(outbox.reload().gone).toEqual([]);
    expect(outbox.list().map(({ message }) => message)).toEqual(["hello"]);
  });
});

import { describe, expect, it } from "vitest";

import { advance, after, at } from "../../src/client/cursor";
import type { Message } from "../../src/client/wire";

function message(seq: number, prev: number, part = 0, parts = 1): Message {
  return { role: "bot", body: {}, seq, prev, id: `${seq}.${part}`, parts, timestamp: 0 };
}

describe("advance", () => {
  it("moves over a message that follows the cursor, and ignores it the second time", () => {
    const first = advance(at("e", 3), message(5, 3));
    expect(first).toEqual({ position: at("e", 5), outcome: "moved" });
    expect(advance(first.position, message(5, 3)).outcome).toBe("known");
  });

  it("waits for all parts of an event", () => {
    const one = advance(at("e", 0), message(2, 0, 1, 2));
    expect(one.outcome).toBe("waiting");
    expect(one.position.cursor.seq).toBe(0);
    expect(advance(one.position, message(2, 0, 1, 2)).outcome).toBe("known");
    expect(advance(one.position, message(2, 0, 0, 2))).toEqual({ position: at("e", 2), outcome: "moved" });
  });

  it("reports a gap when the message before is unknown or an event is incomplete", () => {
    expect(advance(at("e", 3), message(9, 7)).outcome).toBe("gap");
    const { position } = advance(at("e", 0), message(2, 0, 0, 2));
    expect(advance(position, message(4, 2)).outcome).toBe("gap");
  });
});

describe("after", () => {
  it("is the newest message of a page, and never goes back within one epoch", () => {
    const page = [message(2, 0), message(6, 2)];
    expect(after(at("e", 0), "e", page)).toEqual(at("e", 6));
    expect(after(at("e", 9), "e", page)).toEqual(at("e", 9));
    expect(after(at("old", 9), "e", page)).toEqual(at("e", 6));
  });
});

import { expect, it } from "vitest";

import { fillGap } from "../../src/client/gap";
import type { Message, PageAnswer } from "../../src/client/wire";

function log(from: number, to: number): Message[] {
  return Array.from({ length: to - from + 1 }, (_, index) => {
    const seq = from + index;
    return { role: "bot", body: {}, seq, prev: seq - 1, id: `${seq}.0`, parts: 1, timestamp: 0 };
  });
}

/** Pages of a log that has the numbers from 1. */
async function page(before: number, limit: number): Promise<PageAnswer> {
  const from = Math.max(1, before - limit);
  return { messages: log(from, before - 1), has_more: from > 1 };
}

it("pages back until it reaches a known message", async () => {
  const filled = await fillGap(100, log(451, 500), true, page);

  expect(filled.continues).toBe(true);
  expect(filled.messages[0]!.seq).toBeLessThanOrEqual(100);
  expect(filled.messages.map(({ seq }) => seq)).toEqual(
    log(filled.messages[0]!.seq, 500).map(({ seq }) => seq),
  );
});

it("does not connect to a gap that is too large, and keeps what it has read", async () => {
  const filled = await fillGap(1, log(9_951, 10_000), true, page);

  expect(filled.continues).toBe(false);
  expect(filled.has_more).toBe(true);
  expect(filled.messages.length).toBeGreaterThanOrEqual(2_000);
});

it("returns the newest page alone when a request fails", async () => {
  const newest = log(451, 500);

  const filled = await fillGap(1, newest, true, () => Promise.reject(new Error("no connection")));

  expect(filled).toEqual({ messages: newest, has_more: true, continues: false });
});

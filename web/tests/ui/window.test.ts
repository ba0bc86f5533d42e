import { describe, expect, it } from "vitest";

import { earlier, follow, later, MAX_DRAWN, newest, STEP, type Span } from "../../src/ui/window";

describe("the window of drawn messages", () => {
  it("never holds more than the most, wherever one scrolls in 5,000 messages", () => {
    let span: Span = newest(5_000);
    for (let i = 0; i < 5_000 / STEP; i += 1) {
      span = earlier(span);
      expect(span.end - span.start).toBeLessThanOrEqual(MAX_DRAWN);
    }
    expect(span.start).toBe(0);
    for (let i = 0; i < 5_000 / STEP; i += 1) {
      span = later(span, 5_000);
      expect(span.end - span.start).toBeLessThanOrEqual(MAX_DRAWN);
    }
    expect(span.end).toBe(5_000);
  });

  it("keeps showing the same messages when older ones come before them", () => {
    expect(follow({ start: 0, end: 80 }, 50, 130, false)).toEqual({ start: 50, end: 130 });
  });

  it("grows with the end while one reads the end", () => {
    expect(follow({ start: 0, end: 80 }, 0, 81, true)).toEqual({ start: 0, end: 81 });
    expect(follow({ start: 0, end: MAX_DRAWN }, 0, MAX_DRAWN + 1, true)).toEqual({
      start: 1,
      end: MAX_DRAWN + 1,
    });
  });
});

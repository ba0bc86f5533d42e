import { expect, it } from "vitest";

import { pauseAfter } from "../../src/client/backoff";

it("doubles the pause up to ten seconds and spreads it over its upper half", () => {
  expect([0, 1, 2, 5, 6, 1_000].map((failures) => pauseAfter(failures, 1))).toEqual([
    300, 600, 1_200, 9_600, 10_000, 10_000,
  ]);
  expect(pauseAfter(0, 0)).toBe(150);
});

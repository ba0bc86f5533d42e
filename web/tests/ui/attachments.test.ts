import { expect, it } from "vitest";

import { fileSize } from "../../src/ui/views/attachments";

it("writes sizes for people", () => {
  expect([12, 1_300, 25_000, 1_230_000, 10_000_000].map((bytes) => fileSize(bytes, "en"))).toEqual([
    "1 kB",
    "2 kB",
    "25 kB",
    "1.2 MB",
    "10 MB",
  ]);
});

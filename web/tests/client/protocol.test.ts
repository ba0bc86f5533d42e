import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

// @ts-expect-error a script of ours, without types
import { make, target } from "../../dev/protocol.mjs";

describe("the types of the wire", () => {
  it("are what the schema says: a field that is added on one side only is seen here", async () => {
    expect(readFileSync(target, "utf8")).toBe(await make());
  }, 30_000);
});

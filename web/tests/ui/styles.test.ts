import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

const UI = join(import.meta.dirname, "../../src/ui");

it("rounds every corner by the site's radius", () => {
  const fixed = readdirSync(UI, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .flatMap((path) =>
      [...readFileSync(join(UI, path), "utf8").matchAll(/border(?:-[a-z]+)*-radius: ([^;}]+)/g)].map(
        ([, value]) => value!,
      ),
    )
    // Circles, square edges, and the badge, which is as round as its text is high.
    .filter((value) => !/var\(--radius\)|^(50%|0|inherit|0\.6875rem)$/.test(value));

  expect(fixed).toEqual([]);
});

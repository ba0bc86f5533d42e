import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { LANGUAGES, localize } from "../../src/desk/words";
import { en } from "../../src/desk/words/en";

const DESK = join(import.meta.dirname, "../../src/desk");

describe("the words of the desk", () => {
  it("exist in each language with every key and every place to fill", async () => {
    expect(LANGUAGES).toEqual(["en", "de", "ar"]);
    for (const language of LANGUAGES) {
      const { words } = await localize([language]);
      expect(Object.keys(words)).toEqual(Object.keys(en));
      for (const key of Object.keys(en) as (keyof typeof en)[]) {
        expect(words[key].split("{}").length, `${language} ${key}`).toBe(en[key].split("{}").length);
        expect(words[key].trim(), `${language} ${key}`).not.toBe("");
      }
    }
  });

  it("are all used", () => {
    const sources = readdirSync(DESK, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !path.startsWith("words"))
      .map((path) => readFileSync(join(DESK, path), "utf8"))
      .join("\n");
    const byName = (key: string): boolean =>
      /^(view|filter)_/.test(key) || ["inbox", "sound", "notifications"].includes(key);
    const unused = Object.keys(en).filter(
      (key) => !byName(key) && !new RegExp(`words\\.${key}\\b`).test(sources),
    );

    expect(unused).toEqual([]);
  });

  it("follow the browser's languages, with direction and region", async () => {
    expect(await localize(["xx", "ar-EG"])).toMatchObject({
      language: "ar",
      locale: "ar-EG",
      direction: "rtl",
    });
    expect(await localize(["fr"])).toMatchObject({ language: "en", direction: "ltr" });
  });
});

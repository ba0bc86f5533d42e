import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import {
  chooseLanguage,
  direction,
  en,
  ENGLISH,
  fill,
  LANGUAGES,
  loadWords,
  localize,
} from "../../../src/ui/i18n";

const UI = join(import.meta.dirname, "../../../src/ui");

describe("the interface's words", () => {
  it("exist in ten languages, each with every key and every place to fill", async () => {
    expect(LANGUAGES.length).toBe(10);
    for (const language of LANGUAGES) {
      const words = await loadWords(language);
      expect(Object.keys(words).sort()).toEqual(Object.keys(en).sort());
      for (const key of Object.keys(en) as (keyof typeof en)[]) {
        expect(words[key].split("{}").length, `${language} ${key}`).toBe(en[key].split("{}").length);
        expect(words[key].trim(), `${language} ${key}`).not.toBe("");
      }
    }
  });

  it("are all used", () => {
    const sources = readdirSync(UI, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !path.startsWith("i18n"))
      .map((path) => readFileSync(join(UI, path), "utf8"))
      .join("\n");
    const unused = Object.keys(en).filter(
      (key) => !sources.includes(`words.${key}`) && !sources.includes(`"${key}"`),
    );

    expect(unused).toEqual([]);
  });

  it("are chosen by the first language that we have", () => {
    expect(chooseLanguage(["xx", "pt-BR", "de"])).toBe("pt");
    expect(chooseLanguage(["xx"])).toBe("en");
    expect(direction("ar")).toBe("rtl");
    expect(direction("de")).toBe("ltr");
  });

  it("are filled literally", () => {
    expect(fill("{} said", "$& {}")).toBe("$& {} said");
  });
});

describe("localize", () => {
  it("prefers the site's languages to the browser's, and takes the region from either", async () => {
    const found = await localize(["", "de"], ["en-GB", "de-CH"]);

    expect(found).toMatchObject({ language: "de", locale: "de-CH", direction: "ltr" });
    expect(found.words.send).toBe("Senden");
    expect(await localize(["xx"], [])).toEqual(ENGLISH);
  });

  it("ignores tags that are not language tags", async () => {
    expect((await localize(["pt_BR"], [])).locale).toBe("pt");
  });
});

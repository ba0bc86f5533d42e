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
  plural,
  type Tone,
} from "../../../src/ui/i18n";

const UI = join(import.meta.dirname, "../../../src/ui");

const I18N = join(UI, "i18n");
const FILES = readdirSync(I18N).filter((name) => /^[a-z]{2}(\.[a-z]+)?\.ts$/.test(name));
const KEYS = Object.keys(en) as (keyof typeof en)[];

/** Count the places to fill. */
const places = (text: string): number => text.split("{}").length - 1;

/** Return the plural categories of a language, and for each category the first numbers that have it. */
function categories(language: string): Map<Intl.LDMLPluralRule, number[]> {
  const rules = new Intl.PluralRules(language);
  const found = new Map(
    rules.resolvedOptions().pluralCategories.map((category) => [category, [] as number[]]),
  );
  for (let number = 0; number <= 200; number += 1) found.get(rules.select(number))!.push(number);
  return found;
}

describe("the texts of the interface", () => {
  it("exist in at least twenty languages, right-to-left ones included", () => {
    expect(LANGUAGES.length).toBeGreaterThanOrEqual(20);
    expect(LANGUAGES).toEqual(expect.arrayContaining(["ar", "fa", "he"]));
    expect(FILES.map((name) => name.slice(0, 2))).toEqual(expect.arrayContaining([...LANGUAGES]));
  });

  it.each(FILES)("of %s have every key, every place to fill and every plural form", async (name) => {
    const [language, tone] = name.replace(/\.ts$/, "").split(".") as [string, Tone | undefined];
    expect(LANGUAGES).toContain(language);
    const words = await loadWords(language, tone);
    expect(Object.keys(words).sort()).toEqual([...KEYS].sort());
    for (const key of KEYS) {
      const [text, english] = [words[key], en[key]];
      if (typeof text === "string") {
        expect(places(text), `${name} ${key}`).toBe(places(english as string));
        expect(text.trim(), `${name} ${key}`).not.toBe("");
        continue;
      }
      for (const [category, numbers] of categories(language)) {
        const form = text[category];
        expect(form, `${name} ${key}.${category}`).toBeTruthy();
        // A form for a single number, such as "one" in English, can name this number.
        const isSingle = numbers.length === 1;
        expect([isSingle ? 0 : 1, 1], `${name} ${key}.${category}`).toContain(places(form!));
      }
    }
  });

  it.each(FILES.filter((name) => name.split(".").length === 3))(
    "of %s differ from the other tone",
    async (name) => {
      const [language, tone] = name.split(".") as [string, Tone];
      const [words, base] = [await loadWords(language, tone), await loadWords(language)];
      const written = readFileSync(join(I18N, name), "utf8");
      const own = KEYS.filter((key) => new RegExp(`^  ${key}:`, "m").test(written));
      expect(own.length).toBeGreaterThan(5);
      for (const key of own) expect(words[key], key).not.toEqual(base[key]);
    },
  );

  it("say in their file and in the documentation whether a native speaker has reviewed them", () => {
    const page = readFileSync(join(UI, "../../../docs/web-chat.md"), "utf8");
    const reviewed = FILES.filter(
      (name) => !readFileSync(join(I18N, name), "utf8").includes("Not yet reviewed by a native speaker."),
    );
    expect(page).toContain(
      `reviewed by a native speaker: ${reviewed.map((name) => `\`${name.slice(0, -3)}\``).join(", ")}`,
    );
    for (const language of LANGUAGES) expect(page, language).toContain(`| \`${language}\` |`);
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
    expect(chooseLanguage(["iw-IL"])).toBe("he");
    expect(direction("ar")).toBe("rtl");
    expect(direction("de")).toBe("ltr");
  });

  it("are filled literally", () => {
    expect(fill("{} said", "$& {}")).toBe("$& {} said");
  });

  it("have the plural form and the digits of the language", async () => {
    const unread = async (locale: string, count: number): Promise<string> =>
      plural((await loadWords(locale.slice(0, 2))).unread, count, locale);

    expect([
      await unread("ru", 1),
      await unread("ru", 3),
      await unread("ru", 11),
      await unread("ru", 21),
    ]).toEqual(["1 новое сообщение", "3 новых сообщения", "11 новых сообщений", "21 новое сообщение"]);
    expect(await unread("he", 2)).toBe("שתי הודעות חדשות");
    expect(await unread("fa", 5)).toBe("۵ پیام تازه");
    expect(await unread("ja", 1)).toBe("新着メッセージ1件");
    expect(plural({ other: "all {}" }, 1, "en")).toBe("all 1");
  });
});

describe("localize", () => {
  it("prefers the site's languages to the browser's, and takes the region from either", async () => {
    const found = await localize(["", "de"], ["en-GB", "de-CH"]);

    expect(found).toMatchObject({ language: "de", locale: "de-CH", direction: "ltr" });
    expect(found.words.send).toBe("Senden");
    expect(await localize(["xx"], [])).toEqual(ENGLISH);
  });

  it("uses the tone that the site wants, if the language has it", async () => {
    expect((await localize(["de"], [], "informal")).words.you).toBe("Du");
    expect((await localize(["de"], [], "formal")).words.you).toBe("Sie");
    expect((await localize(["es"], [], "formal")).words.you).toBe("Usted");
    expect((await localize(["sv"], [], "formal")).words.you).toBe("Du");
  });

  it("ignores tags that are not language tags", async () => {
    expect((await localize(["pt_BR"], [])).locale).toBe("pt");
  });
});

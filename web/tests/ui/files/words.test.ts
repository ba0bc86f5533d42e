import { expect, it } from "vitest";

import { FILE_WORDS, fileWords } from "../../../src/ui/files/words";
import { LANGUAGES } from "../../../src/ui/i18n";

it("has all texts about files in every language, with every place to fill", () => {
  const en = fileWords("en");
  expect(Object.keys(FILE_WORDS).sort()).toEqual([...LANGUAGES].sort());
  for (const language of LANGUAGES) {
    const words = fileWords(language);
    expect(Object.keys(words)).toEqual(Object.keys(en));
    for (const key of Object.keys(en) as (keyof typeof en)[]) {
      expect(words[key].split("{}").length, `${language} ${key}`).toBe(en[key].split("{}").length);
      expect(words[key].trim(), `${language} ${key}`).not.toBe("");
    }
  }
});

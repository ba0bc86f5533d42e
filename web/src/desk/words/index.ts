/**
 * Chooses the language of the desk and loads its texts.
 *
 * English is part of the page; other languages are loaded when needed. Called by `desk.ts`.
 */

import { chooseLocale, direction } from "../../ui/i18n";
import { en, type Words } from "./en";

export type { Words } from "./en";

export interface Localization {
  readonly language: string;
  /** A tag for `Intl`. */
  readonly locale: string;
  readonly direction: "ltr" | "rtl";
  readonly words: Words;
}

const LOADERS: Record<string, () => Promise<Words>> = {
  de: async () => (await import("./de")).words,
  ar: async () => (await import("./ar")).words,
};

export const LANGUAGES: readonly string[] = ["en", ...Object.keys(LOADERS)];

/** Return the texts in the first language of the browser that the desk has, or in English. */
export async function localize(wanted: readonly string[]): Promise<Localization> {
  const languages = wanted.map((tag) => tag.toLowerCase().split("-")[0]!);
  const language = languages.find((each) => LANGUAGES.includes(each)) ?? "en";
  const locale = chooseLocale(language, wanted);
  try {
    return { language, locale, direction: direction(language), words: (await LOADERS[language]?.()) ?? en };
  } catch (error) {
    console.error(`manent-desk: the texts for "${language}" could not be loaded; using English`, error);
    return { language: "en", locale, direction: "ltr", words: en };
  }
}

/** Chooses the language of the interface. English is at hand; the others are loaded when they are needed. */

import { en, type Words } from "./en";
import { LANGUAGES } from "./languages";

export type { Words } from "./en";
export { en } from "./en";
export { LANGUAGES } from "./languages";

const LOADERS: Record<string, () => Promise<Words>> = {
  de: async () => (await import("./de")).words,
  fr: async () => (await import("./fr")).words,
  es: async () => (await import("./es")).words,
  it: async () => (await import("./it")).words,
  pt: async () => (await import("./pt")).words,
  nl: async () => (await import("./nl")).words,
  pl: async () => (await import("./pl")).words,
  ar: async () => (await import("./ar")).words,
  ja: async () => (await import("./ja")).words,
};

const RIGHT_TO_LEFT = new Set(["ar", "he", "fa", "ur"]);

/** The first language of `wanted` that we have; `"pt-BR"` is met by `"pt"`. */
export function chooseLanguage(wanted: readonly string[]): string {
  return languageOf(wanted.find((tag) => LANGUAGES.includes(languageOf(tag))) ?? "en");
}

/** The tag whose manners of writing dates and times go with a language: `"en-GB"` for English, when it is wanted. */
export function chooseLocale(language: string, wanted: readonly string[]): string {
  const found = wanted.find((tag) => languageOf(tag) === language && tag.length > language.length);
  return found !== undefined && isTag(found) ? found : language;
}

function languageOf(tag: string): string {
  return tag.toLowerCase().split(/[-_]/)[0]!;
}

function isTag(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false; // "pt_BR" and other inventions
  }
}

export async function loadWords(language: string): Promise<Words> {
  const loader = LOADERS[language];
  return loader === undefined ? en : loader();
}

export function direction(language: string): "ltr" | "rtl" {
  return RIGHT_TO_LEFT.has(language) ? "rtl" : "ltr";
}

export function fill(template: string, value: string | number): string {
  return template.replace("{}", () => String(value));
}

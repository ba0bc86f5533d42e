/**
 * Chooses the language of the interface and loads its texts.
 *
 * English is part of the chat. Other languages are loaded when needed. Called by `chat.ts`, `panel.ts` and the views.
 * Must not touch the DOM.
 */

import { en, type Words } from "./en";
import { LANGUAGES } from "./languages";

export type { Words } from "./en";
export { en } from "./en";
export { LANGUAGES } from "./languages";

/** The current language, its texts, and its format of dates. */
export interface Localization {
  readonly language: string;
  /** A tag for `Intl`, which consists of the language and, if known, the visitor's region (`"en-GB"`). */
  readonly locale: string;
  readonly direction: "ltr" | "rtl";
  readonly words: Words;
}

export const ENGLISH: Localization = { language: "en", locale: "en", direction: "ltr", words: en };

/** The build converts a language to a list in the order of `en` (see `vite.config.ts`). */
type Texts = Words | readonly string[];

const LOADERS: Record<string, () => Promise<Texts>> = {
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

/**
 * Choose a language from the tags that the site prefers, then those of the browser, and load its texts.
 *
 * If they cannot be loaded, use English.
 */
export async function localize(
  preferred: readonly string[],
  browser: readonly string[],
  load = loadWords,
): Promise<Localization> {
  const wanted = [...preferred, ...browser].filter((tag) => tag !== "");
  const language = chooseLanguage(wanted);
  try {
    const words = await load(language);
    return { language, locale: chooseLocale(language, wanted), direction: direction(language), words };
  } catch (error) {
    console.error(`manent-chat: the texts for "${language}" could not be loaded; using English`, error);
    return { ...ENGLISH, locale: chooseLocale("en", wanted) };
  }
}

/** Return the first language of `wanted` that the interface supports. `"pt"` is used for `"pt-BR"`. */
export function chooseLanguage(wanted: readonly string[]): string {
  return languageOf(wanted.find((tag) => LANGUAGES.includes(languageOf(tag))) ?? "en");
}

/** Return the tag for dates and times: the first tag of `wanted` that contains a region for `language`. */
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
    return false; // not a BCP 47 tag, for example "pt_BR"
  }
}

/** Load the texts of a language. Throws if they cannot be loaded. */
export async function loadWords(language: string): Promise<Words> {
  const loader = LOADERS[language];
  const texts = loader === undefined ? en : await loader();
  if (!Array.isArray(texts)) return texts as Words;
  return Object.fromEntries(Object.keys(en).map((name, index) => [name, texts[index]])) as Words;
}

export function direction(language: string): "ltr" | "rtl" {
  return RIGHT_TO_LEFT.has(language) ? "rtl" : "ltr";
}

/** Replace each `{}` in a text. */
export function fill(template: string, value: string | number): string {
  return template.replace("{}", () => String(value));
}

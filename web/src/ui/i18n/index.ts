/**
 * Chooses the language of the interface and loads its texts.
 *
 * English is part of the chat. Other languages are loaded when needed. Called by `chat.ts`, `panel.ts` and the views.
 * Must not touch the DOM.
 */

import { en, type Plural, type Words } from "./en";
import { LANGUAGES, type Tone } from "./languages";

export type { Plural, TextKey, Words } from "./en";
export { en } from "./en";
export { LANGUAGES, TONES, type Tone } from "./languages";

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

/** By language, or by language and tone. */
const LOADERS: Record<string, () => Promise<Texts>> = {
  ar: async () => (await import("./ar")).words,
  cs: async () => (await import("./cs")).words,
  "cs.informal": async () => (await import("./cs.informal")).words,
  da: async () => (await import("./da")).words,
  de: async () => (await import("./de")).words,
  "de.informal": async () => (await import("./de.informal")).words,
  es: async () => (await import("./es")).words,
  "es.formal": async () => (await import("./es.formal")).words,
  fa: async () => (await import("./fa")).words,
  fi: async () => (await import("./fi")).words,
  fr: async () => (await import("./fr")).words,
  "fr.informal": async () => (await import("./fr.informal")).words,
  he: async () => (await import("./he")).words,
  id: async () => (await import("./id")).words,
  it: async () => (await import("./it")).words,
  "it.formal": async () => (await import("./it.formal")).words,
  ja: async () => (await import("./ja")).words,
  ko: async () => (await import("./ko")).words,
  nl: async () => (await import("./nl")).words,
  "nl.informal": async () => (await import("./nl.informal")).words,
  pl: async () => (await import("./pl")).words,
  pt: async () => (await import("./pt")).words,
  ru: async () => (await import("./ru")).words,
  "ru.informal": async () => (await import("./ru.informal")).words,
  sv: async () => (await import("./sv")).words,
  tr: async () => (await import("./tr")).words,
  "tr.informal": async () => (await import("./tr.informal")).words,
  uk: async () => (await import("./uk")).words,
  "uk.informal": async () => (await import("./uk.informal")).words,
  zh: async () => (await import("./zh")).words,
};

const RIGHT_TO_LEFT = new Set(["ar", "he", "fa", "ur"]);

/**
 * Choose a language from the tags that the site prefers, then those of the browser, and load its texts.
 *
 * If a language has no texts in this tone, its other texts are used. If the texts cannot be loaded, use English.
 */
export async function localize(
  preferred: readonly string[],
  browser: readonly string[],
  tone: Tone | null = null,
  load = loadWords,
): Promise<Localization> {
  const wanted = [...preferred, ...browser].filter((tag) => tag !== "");
  const language = chooseLanguage(wanted);
  try {
    const words = await load(language, tone);
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
  const language = tag.toLowerCase().split(/[-_]/)[0]!;
  return language === "iw" ? "he" : language === "in" ? "id" : language; // the codes that Java once used
}

function isTag(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false; // not a BCP 47 tag, for example "pt_BR"
  }
}

/** Load the texts of a language, in this tone if the language has it. Throws if they cannot be loaded. */
export async function loadWords(language: string, tone: Tone | null = null): Promise<Words> {
  const loader = LOADERS[`${language}.${tone}`] ?? LOADERS[language];
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

/** Return the form of a text for a number, with the number in the digits of the locale. */
export function plural(forms: Plural, count: number, locale: string): string {
  const form = forms[new Intl.PluralRules(locale).select(count)] ?? forms.other;
  return fill(form, new Intl.NumberFormat(locale).format(count));
}

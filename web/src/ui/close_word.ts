/**
 * The name of a close button until the texts of the visitor's language are loaded.
 *
 * Loaded by `waiting.ts` and with the teaser. Contains texts only.
 */

const CLOSE: Readonly<Record<string, string>> = {
  de: "Schließen",
  fr: "Fermer",
  es: "Cerrar",
  it: "Chiudi",
  pt: "Fechar",
  nl: "Sluiten",
  pl: "Zamknij",
  ar: "إغلاق",
  ja: "閉じる",
};

/** Return "Close" in the first known language. `tags` are language tags, best first. */
export function closeWord(tags: readonly string[]): string {
  const language = tags.map((tag) => tag.slice(0, 2)).find((tag) => tag in CLOSE || tag === "en");
  return CLOSE[language ?? ""] ?? "Close";
}

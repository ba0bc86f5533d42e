/** The languages of the interface. The studio also imports this file, so it must stay small. */

export const LANGUAGES: readonly string[] = [
  ...["en", "ar", "cs", "da", "de", "es", "fa", "fi", "fr", "he", "id"],
  ...["it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "tr", "uk", "zh"],
];

/** How the texts address the visitor. */
export const TONES = ["formal", "informal"] as const;

export type Tone = (typeof TONES)[number];

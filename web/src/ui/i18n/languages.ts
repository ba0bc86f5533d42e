/** The languages of the interface. The studio also imports this file, so it must stay small. */
export const LANGUAGES: readonly string[] = ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "ar", "ja"];

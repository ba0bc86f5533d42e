/** The languages that the interface speaks. */
export const LANGUAGES: readonly string[] = ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "ar", "ja"];

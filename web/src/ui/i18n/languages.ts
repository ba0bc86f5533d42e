/** The languages of the interface. Also read by the studio; holds nothing else, so that it stays small there. */
export const LANGUAGES: readonly string[] = ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "ar", "ja"];

/**
 * The informal German texts, where they differ from `de.ts`. Loaded by `index.ts` when needed.
 *
 * Not yet reviewed by a native speaker.
 */

import type { Words } from "./en";
import { words as base } from "./de";

export const words: Words = {
  ...base,
  you: "Du",
  waiting: "Du wartest auf eine Person. Du kannst weiterschreiben.",
  rated: "Danke für deine Bewertung.",
  empty: "Schreib eine Nachricht, um zu beginnen. Dein Gespräch ist noch da, wenn du wiederkommst.",
  session_claimed: "Das Gespräch gehört nun zu deinem Konto.",
  token_expired: "Du wurdest abgemeldet. Melde dich an, um fortzufahren.",
  token_revoked: "Dein Zugang wurde beendet.",
  microphone_denied:
    "Der Browser erlaubt das Mikrofon nicht. Du kannst es in den Einstellungen dieser Website erlauben.",
  notifications_denied:
    "Der Browser erlaubt keine Benachrichtigungen. Du kannst sie in den Einstellungen dieser Website erlauben.",
  failed_request: "Das hat nicht geklappt. Bitte versuch es noch einmal.",
  unsupported: "Dieser Chat ist veraltet. Bitte lade die Seite neu.",
  unknown_file: "Eine Datei ist nicht mehr vorhanden. Bitte hänge sie noch einmal an.",
};

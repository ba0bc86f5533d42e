/**
 * The formal Italian texts, where they differ from `it.ts`. Loaded by `index.ts` when needed.
 *
 * Not yet reviewed by a native speaker.
 */

import type { Words } from "./en";
import { words as base } from "./it";

export const words: Words = {
  ...base,
  write: "Scriva un messaggio",
  you: "Lei",
  waiting: "È in attesa di una persona. Può continuare a scrivere.",
  empty: "Scriva un messaggio per cominciare. Ritroverà la conversazione al Suo ritorno.",
  session_claimed: "La conversazione ora appartiene al Suo account.",
  token_expired: "La sessione è scaduta. Acceda di nuovo per continuare.",
  token_revoked: "Il Suo accesso è terminato.",
  microphone_denied:
    "Il browser non consente il microfono. Può consentirlo nelle impostazioni di questo sito.",
  notifications_denied:
    "Il browser non consente le notifiche. Può consentirle nelle impostazioni di questo sito.",
  failed_request: "Non ha funzionato. Riprovi.",
  unsupported: "Questa chat non è aggiornata. Ricarichi la pagina.",
  drop: "Rilasci qui i file",
  unknown_file: "Un file non è più disponibile. Lo alleghi di nuovo.",
};

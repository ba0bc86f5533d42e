/**
 * The informal Dutch texts, where they differ from `nl.ts`. Loaded by `index.ts` when needed.
 *
 * Not yet reviewed by a native speaker.
 */

import type { Words } from "./en";
import { words as base } from "./nl";

export const words: Words = {
  ...base,
  you: "Jij",
  waiting: "Je wacht op een medewerker. Je kunt gewoon verder schrijven.",
  rated: "Bedankt voor je beoordeling.",
  empty: "Schrijf een bericht om te beginnen. Je gesprek staat hier nog als je terugkomt.",
  session_claimed: "Het gesprek hoort nu bij je account.",
  token_expired: "Je bent afgemeld. Meld je opnieuw aan om verder te gaan.",
  token_revoked: "Je toegang is beëindigd.",
  microphone_denied:
    "De browser staat de microfoon niet toe. Je kunt dit in de instellingen van deze site toestaan.",
  notifications_denied:
    "De browser staat geen meldingen toe. Je kunt dit in de instellingen van deze site toestaan.",
};

/**
 * The informal Czech texts, where they differ from `cs.ts`. Loaded by `index.ts` when needed.
 *
 * Not yet reviewed by a native speaker.
 */

import type { Words } from "./en";
import { words as base } from "./cs";

export const words: Words = {
  ...base,
  write: "Napiš zprávu",
  you: "Ty",
  waiting: "Čekáš na pracovníka. Můžeš psát dál.",
  empty: "Začni tím, že napíšeš zprávu. Až se vrátíš, konverzace tu bude.",
  no_storage: "Prohlížeč nepovoluje ukládání. Po zavření stránky o tuto konverzaci přijdeš.",
  session_claimed: "Konverzace nyní patří k tvému účtu.",
  token_expired: "Proběhlo odhlášení. Chceš-li pokračovat, přihlas se znovu.",
  token_revoked: "Tvůj přístup skončil.",
  microphone_denied: "Prohlížeč nepovoluje mikrofon. Můžeš ho povolit v nastavení tohoto webu.",
  notifications_denied: "Prohlížeč nepovoluje oznámení. Můžeš je povolit v nastavení tohoto webu.",
  failed_request: "Nepodařilo se to. Zkus to prosím znovu.",
  unsupported: "Tento chat je zastaralý. Načti prosím stránku znovu.",
  drop: "Sem přetáhni soubory",
  unknown_file: "Soubor už není k dispozici. Přilož ho prosím znovu.",
};

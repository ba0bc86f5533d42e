/**
 * The informal French texts, where they differ from `fr.ts`. Loaded by `index.ts` when needed.
 *
 * Not yet reviewed by a native speaker.
 */

import type { Words } from "./en";
import { words as base } from "./fr";

export const words: Words = {
  ...base,
  you: "Toi",
  waiting: "Tu attends une personne. Tu peux continuer à écrire.",
  rated: "Merci pour ton évaluation.",
  empty: "Écris un message pour commencer. Tu retrouveras ta conversation à ton retour.",
  session_claimed: "La conversation appartient maintenant à ton compte.",
  token_expired: "Ta session est terminée. Reconnecte-toi pour continuer.",
  token_revoked: "Ton accès a pris fin.",
  microphone_denied:
    "Le navigateur n’autorise pas le microphone. Tu peux l’autoriser dans les paramètres de ce site.",
  notifications_denied:
    "Le navigateur n’autorise pas les notifications. Tu peux les autoriser dans les paramètres de ce site.",
  failed_request: "Cela n’a pas fonctionné. Réessaie.",
  unsupported: "Ce chat n’est plus à jour. Recharge la page.",
  drop: "Dépose les fichiers ici",
  unknown_file: "Un fichier n’est plus disponible. Joins-le à nouveau.",
};

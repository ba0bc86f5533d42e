/**
 * The formal Spanish texts, where they differ from `es.ts`. Loaded by `index.ts` when needed.
 *
 * Not yet reviewed by a native speaker.
 */

import type { Words } from "./en";
import { words as base } from "./es";

export const words: Words = {
  ...base,
  write: "Escriba un mensaje",
  you: "Usted",
  waiting: "Espera a una persona. Puede seguir escribiendo.",
  rated: "Gracias por su valoración.",
  empty: "Escriba un mensaje para empezar. Su conversación seguirá aquí cuando vuelva.",
  session_claimed: "La conversación pertenece ahora a su cuenta.",
  token_expired: "Se ha cerrado su sesión. Inicie sesión para seguir.",
  token_revoked: "Su acceso ha terminado.",
  microphone_denied:
    "El navegador no permite el micrófono. Puede permitirlo en la configuración de este sitio.",
  notifications_denied:
    "El navegador no permite las notificaciones. Puede permitirlas en la configuración de este sitio.",
  failed_request: "No ha funcionado. Inténtelo de nuevo.",
  unsupported: "Este chat está desactualizado. Recargue la página.",
  drop: "Suelte los archivos aquí",
  unknown_file: "Un archivo ya no está disponible. Adjúntelo de nuevo.",
};

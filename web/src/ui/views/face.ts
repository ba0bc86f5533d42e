/**
 * The image of a speaker. Behind it is the first letter of the name, for example while the image cannot be loaded.
 *
 * Called by `shell.ts` and `transcript.ts`. Only a chat without a name of the site's shows Manent's logo.
 */

import { html, nothing, type TemplateResult } from "lit-html";

import { mark } from "./icons";

/** `src`: URL of the image, or null. */
export function face(src: string | null, name: string): TemplateResult {
  if (src === null && name === "Manent") return mark();
  return html`<span class="letter" aria-hidden="true"
    >${src === null ? nothing : html`<img src=${src} alt="" @error=${broken} />`}<b
      >${[...name.trim()][0] ?? ""}</b
    ></span
  >`;
}

function broken(event: Event): void {
  (event.target as Element).classList.add("broken");
}

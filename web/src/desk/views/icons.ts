/** Icons that only the desk has, as static SVG. */

import { html, type TemplateResult } from "lit-html";

function icon(path: string): TemplateResult {
  return html`<svg
    viewBox="0 0 24 24"
    width="20"
    height="20"
    aria-hidden="true"
    focusable="false"
    fill="none"
    stroke="currentColor"
    stroke-width="1.75"
    stroke-linecap="round"
    stroke-linejoin="round"
  >
    <path d=${path} />
  </svg>`;
}

export const backIcon = (): TemplateResult => icon("M14.5 5.5 8 12l6.5 6.5");
export const detailsIcon = (): TemplateResult => icon("M4 5.5h16v13H4zM14.5 5.5v13");
export const plusIcon = (): TemplateResult => icon("M12 5.5v13M5.5 12h13");

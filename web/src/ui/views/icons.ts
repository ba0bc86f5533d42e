/**
 * The icons of the chat, as static SVG.
 *
 * Called by the views and `panel.ts`. Manent's logo is an m above dots, with which proofreaders mark a text that must
 * stay ("stet").
 */

import { html, svg, type SVGTemplateResult } from "lit-html";

function icon(drawing: SVGTemplateResult) {
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
    ${drawing}
  </svg>`;
}

export const mark = () =>
  html`<svg
    class="mark"
    viewBox="0 0 24 24"
    aria-hidden="true"
    focusable="false"
    fill="none"
    stroke="currentColor"
    stroke-width="2"
    stroke-linecap="round"
    stroke-linejoin="round"
  >
    <path
      d="M5 14.5V6.2M5 8.6c.7-1.6 1.9-2.5 3.4-2.5 2 0 3.1 1.3 3.1 3.4v5M11.5 9c.6-1.8 1.9-2.9 3.6-2.9 2 0 3.2 1.3 3.2 3.5v4.9"
    />
    <g class="stet" stroke="none">
      <circle cx="5" cy="19" r="1.35" />
      <circle cx="11.6" cy="19" r="1.35" />
      <circle cx="18.2" cy="19" r="1.35" />
    </g>
  </svg>`;

export const sendIcon = () => icon(svg`<path d="M12 19V5M5.5 11.5 12 5l6.5 6.5"/>`);
export const closeIcon = () => icon(svg`<path d="M6 6l12 12M18 6 6 18"/>`);
export const menuIcon = () => icon(svg`<path d="M5 7h14M5 12h14M5 17h9"/>`);
export const downIcon = () => icon(svg`<path d="M12 5v14M5.5 12.5 12 19l6.5-6.5"/>`);
export const fileIcon = () => icon(svg`<path d="M12 4v11M7 10.5l5 5 5-5M5 20h14"/>`);
export const checkIcon = () => icon(svg`<path d="M5 12.5l4.5 4.5L19 7.5"/>`);
export const microphoneIcon = () =>
  icon(
    svg`<rect x="9" y="3.5" width="6" height="11" rx="3"/><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3"/>`,
  );
export const starIcon = () =>
  icon(svg`<path d="M12 3.6l2.6 5.3 5.8.8-4.2 4.1 1 5.8-5.2-2.7-5.2 2.7 1-5.8-4.2-4.1 5.8-.8z"/>`);
export const clipIcon = () =>
  icon(
    svg`<path d="M19.5 11.5l-7.6 7.6a4.6 4.6 0 0 1-6.5-6.5l7.9-7.9a3.1 3.1 0 0 1 4.4 4.4l-7.7 7.6a1.5 1.5 0 0 1-2.2-2.1l7-7"/>`,
  );
export const cameraIcon = () =>
  icon(
    svg`<path d="M4 8h3.2l1.6-2.5h6.4L16.8 8H20a1 1 0 0 1 1 1v9.5a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1z"/><circle cx="12" cy="13.300" r="3.300"/>`,
  );
export const copyIcon = () =>
  icon(svg`<rect x="8.5" y="8.5" width="11" height="11" rx="2"/><path d="M15.5 5.5v-1h-11v11h1"/>`);
export const backIcon = () => icon(svg`<path d="M14.5 6l-6 6 6 6"/>`);
export const forthIcon = () => icon(svg`<path d="M9.5 6l6 6-6 6"/>`);
export const enlargeIcon = () => icon(svg`<path d="M13.5 5H19v5.5M10.5 19H5v-5.5M19 5l-6 6M5 19l6-6"/>`);
export const shrinkIcon = () =>
  icon(svg`<path d="M18.5 10.5H13V5M5.5 13.5H11V19M13 10.5l6-6M11 13.5l-6 6"/>`);
export const thumbIcon = () =>
  icon(
    svg`<path d="M7.5 10.5l4-7a2 2 0 0 1 2 2v4h5a2 2 0 0 1 2 2.3l-1 6a2 2 0 0 1-2 1.7h-10M7.5 10.5h-4v9h4z"/>`,
  );
export const playIcon = () => icon(svg`<path d="M8 5.5v13l10.5-6.5z"/>`);

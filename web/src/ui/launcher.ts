/**
 * The floating button and the frame of the panel.
 *
 * Called by `element.ts`. Part of the first download of every page, so it must not import a library.
 */

import { theme } from "./theme";

/** Styles for the page. On a phone, the open chat covers the page, which must not scroll behind the chat. */
export const pageStyles = `@media (max-width: 30rem) { html:has(manent-chat[open]:not([layout="fill"], [hidden])) { overflow: hidden; } }`;

export const launcherStyles = `
${theme}
:host { display: block; container: chat / inline-size; }
:host([hidden]) { display: none; }
:host([layout="fill"]) { width: 100%; height: 100%; min-height: 12rem; }
/* Inherit nothing from the page. Rules of the page for * match the element, so the reset is inside it. */
.panel, .launcher { all: initial; box-sizing: border-box; color-scheme: var(--scheme); visibility: inherit; -webkit-user-select: text; user-select: text; -webkit-text-size-adjust: 100%; -webkit-tap-highlight-color: transparent; }
.panel { display: flex; flex-direction: column; background: var(--paper); overflow: hidden; position: relative; font: 400 1rem/1.5 var(--sans); color: var(--ink); }
.panel:focus { outline: none; }
:host([layout="fill"]) .panel { height: calc(100% - var(--covered, 0px)); }
:host(:not([layout="fill"])) { position: fixed; z-index: var(--manent-z-index, 2147483000); inset-block-end: 0; inset-inline-end: 0; width: min(27rem, 100%); height: 0; }
:host(:not([layout="fill"])) .panel { position: absolute; inset-block-end: calc(5.25rem + env(safe-area-inset-bottom)); inset-inline: 0.75rem 1.25rem; height: min(44rem, 100vh - 7rem); height: min(44rem, 100dvh - 7rem); border: 1px solid var(--line); border-radius: calc(var(--radius) + 6px); box-shadow: 0 24px 64px var(--shade), 0 2px 8px var(--shade); }
:host([position="left"]:not([layout="fill"])) { inset-inline: 0 auto; }
:host([position="left"]:not([layout="fill"])) .panel { inset-inline: 1.25rem 0.75rem; }
.panel[hidden] { display: none !important; }
.launcher { position: absolute; inset-block-end: calc(1.25rem + env(safe-area-inset-bottom)); inset-inline-end: calc(1.25rem + env(safe-area-inset-right)); display: grid; place-items: center; width: 3.5rem; height: 3.5rem; border-radius: calc(var(--radius) * 1.29) calc(var(--radius) * 1.29) calc(var(--radius) * 0.43) calc(var(--radius) * 1.29); background: var(--launcher-ground, var(--accent)); color: var(--on-accent); box-shadow: 0 8px 24px var(--shade); cursor: pointer; touch-action: manipulation; }
:host([position="left"]) .launcher { inset-inline: calc(1.25rem + env(safe-area-inset-left)) auto; border-radius: calc(var(--radius) * 1.29) calc(var(--radius) * 1.29) calc(var(--radius) * 1.29) calc(var(--radius) * 0.43); }
.launcher:hover { filter: brightness(1.1); }
.launcher:focus-visible { outline: 3px solid var(--accent-ink); outline-offset: 3px; }
.launcher svg { width: 1.875rem; height: 1.875rem; }
.launcher img { width: 100%; height: 100%; object-fit: cover; border-radius: inherit; }
.badge { position: absolute; inset-block-start: -0.375rem; inset-inline-end: -0.375rem; min-width: 1.375rem; height: 1.375rem; padding-inline: 0.375rem; border-radius: 0.6875rem; background: #b4321f; color: #fff; font: 600 0.8125rem/1.375rem var(--sans); text-align: center; box-sizing: border-box; }
.badge[hidden], .wait [hidden] { display: none; }
@media (max-width: 30rem) {
  :host([open]:not([layout="fill"])) { inset: 0; width: 100%; height: 100%; }
  :host([open]:not([layout="fill"])) .panel { inset: var(--top, 0px) 0 var(--covered, 0px); height: auto; border: 0; border-radius: 0; padding: env(safe-area-inset-top) env(safe-area-inset-right) 0 env(safe-area-inset-left); }
  :host([open]) .launcher { display: none; }
}
@media (forced-colors: active) { .launcher { outline: 1px solid transparent; } }
@media print {
  :host(:not([layout="fill"])) { display: none !important; }
}
`;

const NS = "http://www.w3.org/2000/svg";

/** Return the site's image, or a speech bubble. */
export function launcherPicture(address: string): Element {
  if (address === "") return launcherMark();
  const picture = document.createElement("img");
  picture.alt = "";
  picture.addEventListener("error", () => picture.replaceWith(launcherMark()));
  picture.src = address;
  return picture;
}

/** Build the speech bubble without lit-html, which is not loaded yet. */
function launcherMark(): SVGSVGElement {
  const drawing = document.createElementNS(NS, "svg");
  const path = document.createElementNS(NS, "path");
  const attributes = {
    viewBox: "0 0 24 24",
    fill: "none",
    stroke: "currentColor",
    "stroke-width": "2",
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
    "aria-hidden": "true",
    focusable: "false",
  };
  for (const [name, value] of Object.entries(attributes)) drawing.setAttribute(name, value);
  // Lines without length are dots.
  path.setAttribute("d", "M4 5h16v11h-9l-5 4v-4h-2zM8 10.5h0M12 10.5h0M16 10.5h0");
  drawing.append(path);
  return drawing;
}

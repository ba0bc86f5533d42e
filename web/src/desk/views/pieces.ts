/**
 * Small pieces that several views use: a person's picture, a visitor's name, an empty state.
 *
 * Pure.
 */

import { html, nothing, type TemplateResult } from "lit-html";

import { fill } from "../../ui/i18n";
import { mark } from "../../ui/views/icons";
import { safeSource } from "../../state/links";
import type { Operator } from "../wire";
import type { Words } from "../words";

/** An operator's picture, or the first letter of the name. */
export function avatarView({ name, avatar }: Operator): TemplateResult {
  const src = avatar === undefined ? null : safeSource(avatar, document.baseURI);
  return html`<span class="avatar person" aria-hidden="true"
    >${src === null ? nothing : html`<img src=${src} alt="" @error=${broken} />`}<b>${[...name][0]}</b></span
  >`;
}

function broken(event: Event): void {
  (event.target as Element).classList.add("broken");
}

/** Return a short name for a visitor. Ids that the server has made are long and random: four signs are enough. */
export function nameOf(sender_id: string, words: Words): string {
  return /^[0-9a-f-]{16,}$/i.test(sender_id) ? fill(words.visitor, sender_id.slice(0, 4)) : sender_id;
}

/** What is shown where there is nothing to show. */
export function emptyView(title: string, note: string, more: unknown = nothing): TemplateResult {
  return html`<div class="empty">
    ${mark()}
    <p class="title">${title}</p>
    ${note === "" ? nothing : html`<p class="small">${note}</p>`} ${more}
  </div>`;
}

/** Return a text field of a form, without spaces around it. */
export function valueOf(values: FormData, name: string): string {
  return String(values.get(name) ?? "").trim();
}

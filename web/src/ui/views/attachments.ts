/**
 * The files of a visitor's message: pictures, and links to other files.
 *
 * Called by `transcript.ts`. A file without a link belongs to a message that is being sent, or to a server that no
 * longer accepts files.
 */

import { html, nothing, type TemplateResult } from "lit-html";

import type { Attachment } from "../../client/wire";
import { fill } from "../i18n";
import { fileIcon } from "./icons";
import type { Look } from "./look";

export function attachmentsView(
  files: readonly Attachment[],
  seq: number,
  look: Look,
): TemplateResult | typeof nothing {
  if (files.length === 0) return nothing;
  return html`<div class="attachments" part="attachments">
    ${files.map((file) => fileView(file, seq, look))}
  </div>`;
}

function fileView(file: Attachment, seq: number, look: Look): TemplateResult {
  const label = html`<bdi>${file.name}</bdi><small>${fileSize(file.size, look.locale)}</small>`;
  if (!file.url?.startsWith("/")) return html`<span class="file">${label}</span>`;
  const isPicture = /^image\/(png|jpeg|gif|webp|avif)$/.test(file.mime);
  const address = look.base + file.url.slice(1);
  return html`<a
    class=${isPicture ? "photo" : "file"}
    href=${address}
    download=${file.name}
    title=${fill(look.words.download_file, file.name)}
    @click=${(event: Event) => look.openFile(event, seq, file.file_id)}
    >${isPicture ? html`<img class="media" src=${address} alt=${file.name} loading="lazy" @error=${lost} /><span class="file">${label}</span>` : html`${fileIcon()}${label}`}</a
  >`;
}

/** Show the name of a picture that cannot be loaded. */
function lost(event: Event): void {
  (event.target as Element).classList.add("broken");
}

/** Return the size of a file for people, for example "1.2 MB". */
export function fileSize(bytes: number, locale: string): string {
  const isSmall = bytes < 1e6;
  const unit = isSmall ? "kilobyte" : "megabyte";
  const value = isSmall ? Math.ceil(bytes / 1e3) : bytes / 1e6;
  const format = {
    style: "unit",
    unit,
    unitDisplay: "short",
    maximumFractionDigits: isSmall ? 0 : 1,
  };
  return new Intl.NumberFormat(locale, format as Intl.NumberFormatOptions).format(value);
}

/**
 * The files of the next message, above the text field: upload, progress, cancelling, retrying.
 *
 * Loaded by `attaching.ts` when the visitor chooses the first file. Must not send messages.
 */

import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";

import { RequestRefused, type ConversationClient } from "../../client/client";
import type { Attachment } from "../../client/wire";
import { fill } from "../i18n";
import { fileSize } from "../views/attachments";
import { closeIcon } from "../views/icons";
import type { AttachingContext } from "./context";

/** Codes of errors after which the same file is refused again. */
const FINAL = new Set(["file_too_large", "file_type_refused", "file_refused", "too_many_files", "files_off"]);

/** Pauses before automatic retries of an upload whose connection was lost, in milliseconds. */
const PAUSES_MS = [1_000, 4_000];

interface Entry {
  readonly key: number;
  readonly file: File;
  /** Address of the picture in this browser, or null. */
  readonly picture: string | null;
  readonly ending: AbortController;
  /** The sent part, from 0 to 1. */
  sent: number;
  attachment: Attachment | null;
  /** Code of the error, or null. */
  error: string | null;
}

export class Tray {
  private entries: Entry[] = [];
  private keys = 0;

  constructor(
    private readonly client: ConversationClient,
    private readonly context: () => AttachingContext,
    private readonly announce: (text: string) => void,
  ) {}

  get isEmpty(): boolean {
    return !this.entries.some((entry) => entry.attachment !== null);
  }

  get isBusy(): boolean {
    return this.entries.some((entry) => entry.attachment === null && entry.error === null);
  }

  add(files: readonly File[]): void {
    for (const file of files) {
      const entry: Entry = {
        key: (this.keys += 1),
        file,
        picture: /^image\/(png|jpeg|gif|webp|avif)$/.test(file.type) ? URL.createObjectURL(file) : null,
        ending: new AbortController(),
        sent: 0,
        attachment: null,
        error: null,
      };
      this.entries.push(entry);
      const { offer } = this.context();
      if (offer !== null && file.size > offer.max_size) this.fail(entry, "file_too_large");
      else if (offer !== null && this.accepted().length > offer.max_per_message)
        this.fail(entry, "too_many_files");
      else void this.upload(entry);
    }
    this.context().changed();
  }

  /** Return the uploaded files and remove them. Files that could not be uploaded stay. */
  take(): Attachment[] {
    const taken = this.entries.filter((entry) => entry.attachment !== null);
    for (const entry of taken) this.drop(entry);
    return taken.map((entry) => entry.attachment!);
  }

  clear(): void {
    for (const entry of this.entries) this.drop(entry);
    this.context().changed();
  }

  view(): TemplateResult {
    const { localization } = this.context();
    const { words } = localization;
    return html`<div class="drop" aria-hidden="true">${words.drop}</div>
      ${
        this.entries.length === 0
          ? nothing
          : html`<ul class="tray" part="tray" aria-label=${words.files}>
              ${repeat(
                this.entries,
                ({ key }) => key,
                (entry) => this.entryView(entry),
              )}
            </ul>`
      }`;
  }

  private entryView(entry: Entry): TemplateResult {
    const { localization } = this.context();
    const { words } = localization;
    const { file, error } = entry;
    const isBusy = entry.attachment === null && error === null;
    return html`<li class=${error === null ? "" : "failed"}>
      ${entry.picture === null ? nothing : html`<img src=${entry.picture} alt="" @error=${hide} />`}
      <span class="about">
        <bdi>${file.name}</bdi>
        <small>${error === null ? fileSize(file.size, localization.locale) : this.reason(error)}</small>
      </span>
      ${
        isBusy
          ? html`<progress
              max="1"
              value=${entry.sent}
              aria-label=${fill(words.uploading, file.name)}
            ></progress>`
          : nothing
      }
      ${
        error !== null && !FINAL.has(error)
          ? html`<button
              type="button"
              class="quiet"
              aria-label="${words.retry}: ${file.name}"
              @click=${() => this.retry(entry)}
            >
              ${words.retry}
            </button>`
          : nothing
      }
      <button
        type="button"
        class="icon"
        aria-label=${fill(isBusy ? words.cancel_upload : words.remove_file, file.name)}
        @click=${(event: Event) => this.remove(entry, event)}
      >
        ${closeIcon()}
      </button>
    </li>`;
  }

  private reason(code: string): string {
    const { offer, localization } = this.context();
    const { words } = localization;
    if (code === "file_too_large" && offer !== null)
      return fill(words.file_too_large, fileSize(offer.max_size, localization.locale));
    if (code === "too_many_files") return words.too_many_files;
    if (code === "file_type_refused") return words.file_type_refused;
    return code === "file_refused" ? words.file_refused : words.upload_failed;
  }

  private async upload(entry: Entry): Promise<void> {
    const { signal } = entry.ending;
    const progress = (part: number): void => {
      entry.sent = part;
      this.context().changed();
    };
    for (let attempt = 0; ; attempt += 1) {
      try {
        entry.attachment = await this.client.upload(entry.file, { progress, signal });
        this.announce(fill(this.context().localization.words.attached, entry.file.name));
        break;
      } catch (error) {
        if (signal.aborted) return;
        const refusal = error instanceof RequestRefused ? error.error : null;
        const pause = PAUSES_MS[attempt];
        if ((refusal !== null && refusal.retry_after === undefined) || pause === undefined) {
          this.fail(entry, refusal?.code ?? "failed");
          break;
        }
        entry.sent = 0;
        await new Promise((resolve) => setTimeout(resolve, pause));
        if (signal.aborted) return;
      }
    }
    this.context().changed();
  }

  private fail(entry: Entry, code: string): void {
    entry.error = code;
    this.announce(`${entry.file.name}: ${this.reason(code)}`);
  }

  private retry(entry: Entry): void {
    entry.error = null;
    entry.sent = 0;
    void this.upload(entry);
    this.context().changed();
  }

  private remove(entry: Entry, event: Event): void {
    const field = (event.target as Element).closest("form")?.querySelector("textarea");
    this.drop(entry);
    this.context().changed();
    field?.focus({ preventScroll: true }); // the focused button is removed
  }

  private drop(entry: Entry): void {
    entry.ending.abort();
    if (entry.picture !== null) URL.revokeObjectURL(entry.picture);
    this.entries = this.entries.filter((other) => other !== entry);
  }

  private accepted(): Entry[] {
    return this.entries.filter((entry) => entry.error === null);
  }
}

/** Hide a picture that the browser cannot draw. */
function hide(event: Event): void {
  (event.target as HTMLElement).hidden = true;
}

export { trayStyles } from "./styles";

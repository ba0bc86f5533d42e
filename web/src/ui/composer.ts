/**
 * The text field: its draft, sending, and dictation.
 *
 * Owns the draft and stores it across reloads. Called by `chat.ts` and `panel.ts`. Must not know how a message is sent.
 */

import type { TemplateResult } from "lit-html";

import type { KeyValueStore } from "../client/ports";
import type { Attaching } from "./attaching";
import type { Words } from "./i18n";
import { canListen, listen } from "./media";
import { composerView } from "./views/shell";

/** Whether the browser makes text fields grow without `grow`. */
const FIELDS_GROW = CSS.supports("field-sizing", "content");

export class Composer {
  private draft: string;
  /** The running dictation. */
  private dictation: { stop: () => void } | null = null;

  constructor(
    private readonly panel: HTMLElement,
    /** Send a text. Returns false if the text was empty. */
    private readonly send: (text: string) => boolean,
    private readonly changed: () => void,
    /** Called when the browser does not allow the microphone. */
    private readonly denied: () => void,
    /** Storage for the draft. */
    private readonly store: KeyValueStore,
    private readonly key: string,
  ) {
    this.draft = store.get(key) ?? "";
  }

  view(options: {
    words: Words;
    placeholder: string;
    voice: boolean;
    language: string;
    /** Null if the server accepts no files. */
    files: Attaching | null;
  }): TemplateResult {
    const { words, placeholder, voice, language, files } = options;
    return composerView({
      words,
      placeholder,
      draft: this.draft,
      write: (text) => this.write(text),
      send: () => this.submit(),
      dictate: voice && canListen() ? () => this.dictate(language) : null,
      listening: this.dictation !== null,
      files,
    });
  }

  get isEmpty(): boolean {
    return this.draft === "";
  }

  focus(): void {
    this.field()?.focus({ preventScroll: true });
  }

  /** Fit the height of the text field to its text, up to the limit in the styles. Call this after drawing. */
  grow(): void {
    if (FIELDS_GROW) return;
    const field = this.field();
    if (field === null) return;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }

  stop(): void {
    this.dictation?.stop();
  }

  /** Empty the field. What a running dictation still hears belongs to the text that was removed. */
  clear(): void {
    this.dictation?.stop();
    this.dictation = null;
    this.write("");
  }

  /** Insert a text into the field, before its current text. */
  edit(text: string): void {
    this.write(this.draft === "" ? text : `${text}\n${this.draft}`);
  }

  private write(text: string): void {
    this.draft = text;
    if (text === "") this.store.remove(this.key);
    else this.store.set(this.key, text);
    this.changed();
  }

  private field(): HTMLTextAreaElement | null {
    return this.panel.querySelector("textarea");
  }

  private submit(): void {
    if (this.send(this.draft)) this.clear();
  }

  private dictate(language: string): void {
    if (this.dictation !== null) {
      this.dictation.stop();
      return;
    }
    const before = this.draft === "" ? "" : `${this.draft.trimEnd()} `;
    // It is stored first, because a browser can hear words, or end, before `listen` returns.
    const dictation = { stop: () => {} };
    this.dictation = dictation;
    dictation.stop = listen(
      language,
      (words) => {
        if (this.dictation === dictation) this.write(before + words);
      },
      () => {
        if (this.dictation === dictation) this.dictation = null;
        this.changed();
      },
      this.denied,
    );
    this.changed();
  }
}

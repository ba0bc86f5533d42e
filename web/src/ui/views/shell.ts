/**
 * The parts around the conversation: header with menu, notices, dialogs, composer, announcements.
 *
 * Called by `panel.ts`, `composer.ts` and `dialogs.ts`. Pure: takes values and callbacks, and returns a template.
 */

import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";

import type { Notice } from "../../client/events";
import type { SessionSummary } from "../../client/wire";
import {
  cameraIcon,
  clipIcon,
  closeIcon,
  enlargeIcon,
  menuIcon,
  microphoneIcon,
  sendIcon,
  shrinkIcon,
} from "./icons";
import type { Suggestion } from "../config";
import { face } from "./face";
import { fill, type Words } from "../i18n";

export interface MenuEntry {
  label: string;
  /** Set for entries that can be switched on and off. */
  checked?: boolean;
  act(): void;
}

export function headerView(options: {
  words: Words;
  heading: string;
  avatar: string | null;
  level: number;
  subheading: string;
  status: string;
  online: boolean;
  menu: readonly MenuEntry[];
  menuOpen: boolean;
  toggleMenu(open: boolean): void;
  /** Null if the chat has one size only. */
  enlarge: (() => void) | null;
  isLarge: boolean;
  /** Null if the chat cannot be closed. */
  close: (() => void) | null;
}): TemplateResult {
  const { words } = options;
  return html`<header part="header">
    <span class="brand" part="brand">${face(options.avatar, options.heading)}</span>
    <div class="titles">
      <div role="heading" aria-level=${options.level}><bdi>${options.heading}</bdi></div>
      ${
        options.subheading === "" && options.status === ""
          ? nothing
          : html`<p class="status ${options.online ? "" : "away"}">
              <bdi>${options.status === "" ? options.subheading : options.status}</bdi>
            </p>`
      }
    </div>
    ${
      options.menu.length === 0
        ? nothing
        : html`<button
            type="button"
            class="icon menu-button"
            aria-haspopup="menu"
            aria-expanded=${options.menuOpen}
            aria-controls="menu"
            aria-label=${words.menu}
            @click=${() => options.toggleMenu(!options.menuOpen)}
          >
            ${menuIcon()}
          </button>`
    }
    ${
      options.enlarge === null
        ? nothing
        : html`<button
            type="button"
            class="icon enlarge"
            aria-label=${options.isLarge ? words.shrink : words.enlarge}
            title=${options.isLarge ? words.shrink : words.enlarge}
            @click=${options.enlarge}
          >
            ${options.isLarge ? shrinkIcon() : enlargeIcon()}
          </button>`
    }
    ${
      options.close === null
        ? nothing
        : html`<button type="button" class="icon" aria-label=${words.close} @click=${options.close}>
            ${closeIcon()}
          </button>`
    }
    ${options.menuOpen ? menuView(options.menu, words, () => options.toggleMenu(false)) : nothing}
  </header>`;
}

function menuView(entries: readonly MenuEntry[], words: Words, close: () => void): TemplateResult {
  const move = (event: KeyboardEvent): void => {
    const items = [...(event.currentTarget as Element).querySelectorAll("button")];
    const at = items.indexOf(event.target as HTMLButtonElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (event.key === "Tab") close();
    if (to === undefined) return;
    event.preventDefault();
    items[(to + items.length) % items.length]?.focus();
  };
  return html`<div id="menu" role="menu" part="menu" aria-label=${words.menu} @keydown=${move}>
    ${entries.map(
      (entry) =>
        html`<button
          type="button"
          role=${entry.checked === undefined ? "menuitem" : "menuitemcheckbox"}
          aria-checked=${entry.checked === undefined ? nothing : entry.checked}
          tabindex="-1"
          @click=${() => {
            close();
            entry.act();
          }}
        >
          <span>${entry.label}</span>
        </button>`,
    )}
  </div>`;
}

export function noticesView(
  notices: readonly { notice: Notice; text: string }[],
  words: Words,
  dismiss: (notice: Notice) => void,
): TemplateResult {
  return html`<div class="notices" role="status">
    ${notices.map(
      ({ notice, text }) =>
        html`<div class="notice" part="notice">
          <p dir="auto">${text}</p>
          <button type="button" class="icon" aria-label=${words.dismiss} @click=${() => dismiss(notice)}>
            ${closeIcon()}
          </button>
        </div>`,
    )}
  </div>`;
}

export interface Question {
  ask: string;
  note: string;
  yes: string;
  /** Whether the action cannot be undone. If so, its button is red. */
  grave?: boolean;
  act(): void;
}

export function questionView(
  question: Question,
  words: Words,
  answer: (yes: boolean) => void,
): TemplateResult {
  return html`<div
    class="veil"
    @click=${(event: Event) => event.target === event.currentTarget && answer(false)}
  >
    <div
      class="question"
      part="question"
      role="alertdialog"
      aria-modal="true"
      aria-labelledby="ask"
      aria-describedby="note"
    >
      <p id="ask" class="ask">${question.ask}</p>
      <p id="note">${question.note}</p>
      <div class="answers">
        <button type="button" class="quiet cancel" @click=${() => answer(false)}>${words.cancel}</button>
        <button type="button" class="solid ${question.grave ? "grave" : ""}" @click=${() => answer(true)}>
          ${question.yes}
        </button>
      </div>
    </div>
  </div>`;
}

export function sessionsView(
  sessions: readonly SessionSummary[],
  words: Words,
  language: string,
  open: (session_id: string | null) => void,
): TemplateResult {
  const day = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  return html`<div
    class="veil"
    @click=${(event: Event) => event.target === event.currentTarget && open(null)}
  >
    <div class="question" part="question" role="dialog" aria-modal="true" aria-labelledby="ask">
      <p id="ask" class="ask">${words.past}</p>
      ${sessions.length === 0 ? html`<p>${words.none}</p>` : nothing}
      <ul class="sessions">
        ${sessions.map(
          (session) =>
            html`<li>
              <button type="button" @click=${() => open(session.session_id)}>
                <span class="preview" dir="auto">${session.preview || words.unknown}</span
                ><time datetime=${new Date(session.last * 1000).toISOString()}
                  >${day.format(new Date(session.last * 1000))}</time
                >
              </button>
            </li>`,
        )}
      </ul>
      <div class="answers">
        <button type="button" class="quiet cancel" @click=${() => open(null)}>${words.cancel}</button>
      </div>
    </div>
  </div>`;
}

/** The files of the next message, as the composer sees them. */
export interface Attachable {
  readonly isEmpty: boolean;
  readonly isBusy: boolean;
  /** Media types, separated by commas. */
  readonly accept: string;
  /** Whether to offer the camera: on phones, if photos are accepted. */
  readonly hasCamera: boolean;
  add(files: Iterable<File>): void;
  /** Paste files from the clipboard. Returns false if it contains none. */
  paste(event: ClipboardEvent): void;
  view(): unknown;
}

/** The buttons that choose files, each with a file input, which must exist when the visitor clicks. */
function attachView(files: Attachable, words: Words): TemplateResult {
  const choose = (event: Event): void =>
    ((event.currentTarget as Element).nextElementSibling as HTMLInputElement).click();
  const chosen = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    files.add([...(input.files ?? [])]);
    input.value = ""; // so that the same file can be chosen again
  };
  const button = (label: string, icon: TemplateResult, camera: boolean): TemplateResult =>
    html`<button type="button" class="icon attach" aria-label=${label} title=${label} @click=${choose}>
        ${icon}
      </button>
      <input
        type="file"
        hidden
        ?multiple=${!camera}
        accept=${camera ? "image/*" : files.accept}
        capture=${camera ? "environment" : nothing}
        @change=${chosen}
      />`;
  return html`${button(words.attach, clipIcon(), false)}${files.hasCamera ? button(words.camera, cameraIcon(), true) : nothing}`;
}

export function composerView(options: {
  words: Words;
  placeholder: string;
  draft: string;
  write(text: string): void;
  send(): void;
  /** Null if dictation is off or not supported. */
  dictate: (() => void) | null;
  listening: boolean;
  /** Null if the server accepts no files. */
  files: Attachable | null;
}): TemplateResult {
  const { words, files } = options;
  const isEmpty = options.draft.trim() === "" && files?.isEmpty !== false;
  const pressed = (event: KeyboardEvent): void => {
    // While an input method is composing, Enter selects a character.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    options.send();
  };
  return html`<form
    part="composer"
    class="composer"
    @submit=${(event: Event) => {
      event.preventDefault();
      options.send();
    }}
  >
    ${files?.view() ?? nothing}
    <div class="field">
      ${files === null ? nothing : attachView(files, words)}
      <textarea
        part="input"
        rows="1"
        dir="auto"
        enterkeyhint="send"
        autocomplete="off"
        aria-label=${words.write}
        placeholder=${options.placeholder === "" ? words.write : options.placeholder}
        .value=${options.draft}
        @input=${(event: Event) => options.write((event.target as HTMLTextAreaElement).value)}
        @keydown=${pressed}
        @paste=${(event: ClipboardEvent) => files?.paste(event)}
      ></textarea>
      ${
        options.dictate === null
          ? nothing
          : html`<button
              type="button"
              class="icon dictate ${options.listening ? "on" : ""}"
              aria-pressed=${options.listening}
              aria-label=${options.listening ? words.listening : words.dictate}
              @click=${options.dictate}
            >
              ${microphoneIcon()}
            </button>`
      }
      <button
        type="submit"
        part="send"
        class="send"
        aria-label=${words.send}
        ?disabled=${isEmpty || files?.isBusy === true}
      >
        ${sendIcon()}
      </button>
    </div>
  </form>`;
}

export function typingView(words: Words, name: string): TemplateResult {
  return html`<div class="typing" part="typing">
    <span class="sr">${fill(words.typing, name)}</span><i></i><i></i><i></i>
  </div>`;
}

/** The visitor waits for a person. */
export function queueView(words: Words): TemplateResult {
  return html`<p class="queue" part="queue">
    <span class="waiting" aria-hidden="true"><i></i><i></i><i></i></span>${words.waiting}
  </p>`;
}

/** An announcement for screen readers. `key` distinguishes repeated sentences. */
export interface Announcement {
  readonly key: number;
  readonly sentence: string;
}

/** A live region, in which screen readers announce each added node. */
export function announcerView(announced: readonly Announcement[]): TemplateResult {
  return html`<div class="sr" aria-live="polite">
    ${repeat(
      announced,
      ({ key }) => key,
      ({ sentence }) => html`<p>${sentence}</p>`,
    )}
  </div>`;
}

/** The conversation before its first message. */
export function emptyView(avatar: string | null, name: string, text: string): TemplateResult {
  return html`<div class="empty" part="empty">
    ${face(avatar, name)}
    <p dir="auto">${text}</p>
  </div>`;
}

/** Buttons that a visitor who has not written yet can choose. */
export function suggestionsView(
  suggestions: readonly Suggestion[],
  choose: (suggestion: Suggestion) => void,
): TemplateResult {
  return html`<div class="buttons suggestions" part="suggestions">
    ${suggestions.map(
      (suggestion) =>
        html`<button type="button" part="button" dir="auto" @click=${() => choose(suggestion)}>
          ${suggestion.title}
        </button>`,
    )}
  </div>`;
}

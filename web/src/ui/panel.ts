/**
 * Draws the chat as one template of the state, at most once per microtask.
 *
 * Owns the drawing loop, the viewport and the set of messages that are being animated. Called by `chat.ts`, which
 * provides what to draw (`PanelSource`). Must not change the state.
 */

import { html, nothing, render, type TemplateResult } from "lit-html";

import type { Notice } from "../client/events";
import { safeSource } from "../state/links";
import { unread, type ChatState } from "../state/state";
import { pendingEntries, transcript, type Item } from "../state/transcript";
import type { Attaching } from "./attaching";
import type { Attention } from "./attention";
import { settleCarousels } from "./carousel";
import { Colouring } from "./colouring";
import type { Composer } from "./composer";
import type { ChatConfig } from "./config";
import type { Dialogs } from "./dialogs";
import { fill, plural, type Localization } from "./i18n";
import { noticeText, refusalText } from "./notices";
import type { CustomRenderer } from "./views/content";
import { downIcon } from "./views/icons";
import {
  announcerView,
  emptyView,
  suggestionsView,
  headerView,
  noticesView,
  queueView,
  typingView,
  type MenuEntry,
} from "./views/shell";
import type { Rating } from "./rating";
import type { Size } from "./size";
import type { Thumb, Thumbs } from "./thumbs";
import type { Look } from "./views/look";
import { transcriptView, type TranscriptContext } from "./views/transcript";
import { Viewport } from "./viewport";

/** Slightly longer than the animation of a new message (`styles.ts`). */
const ARRIVAL_MS = 400;

/** The content of the panel and the actions of its controls. */
export interface PanelSource {
  readonly state: ChatState;
  readonly config: ChatConfig;
  readonly localization: Localization;
  readonly renderers: ReadonlyMap<string, CustomRenderer>;
  readonly composer: Composer;
  readonly attaching: Attaching;
  readonly dialogs: Dialogs;
  readonly attention: Attention;
  readonly rating: Rating;
  readonly thumbs: Thumbs;
  /** Null if the chat has one size only. */
  readonly size: Size | null;
  menu(): MenuEntry[];
  toggleLarge(): void;
  close(): void;
  /** Rate a message of the assistant. */
  rateReply(seq: number, thumb: Thumb): void;
  /** Called after the visitor has copied a code. */
  copied(): void;
  /** Add styles to the chat. */
  adopt(css: string): void;
  /** Send a button's payload. */
  choose(payload: string, title: string): void;
  retry(message_id: string): void;
  discard(message_id: string): void;
  edit(message_id: string, text: string): void;
  /** Called when the visitor opens a file of the message `seq`. */
  openFile(event: Event, seq: number, file_id: string): void;
  dismiss(notice: Notice): void;
  loadOlder(): void;
  scrollToEnd(): void;
}

export class Panel {
  readonly viewport = new Viewport(() => this.scheduleFrame());
  private scheduled = false;
  private frame: number | null = null;
  private stopped = false;
  private printing = false;
  /** The context for drawing messages. A change replaces it by a new object, so that messages are drawn again. */
  private look: Look;
  /** Keys of the messages that are being animated. */
  private readonly arriving = new Set<string>();
  private readonly resized = new ResizeObserver(() => {
    this.viewport.stay();
    settleCarousels(this.element);
  });
  private readonly colouring: Colouring;

  constructor(
    private readonly element: HTMLElement,
    private readonly source: PanelSource,
  ) {
    this.colouring = new Colouring(
      (css) => source.adopt(css),
      () => {
        this.look = this.createLook();
        this.schedule();
      },
    );
    this.look = this.createLook();
  }

  stop(): void {
    this.stopped = true;
    this.resized.disconnect();
    render(nothing, this.element);
  }

  /** The configuration or the language has changed: draw all items again. */
  configure(): void {
    this.look = this.createLook();
    this.element.lang = this.source.localization.language;
    this.element.dir = this.source.localization.direction;
    this.draw();
  }

  /** Schedule a drawing, which includes all changes until then. */
  schedule(): void {
    if (this.scheduled || this.stopped) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      if (!this.stopped) this.draw();
    });
  }

  draw(): void {
    const { state } = this.source;
    const { viewport } = this;
    viewport.update(state.messages);
    const items = transcript(state, viewport.span.start, viewport.span.end);
    render(this.view(items), this.element);
    const log = this.log();
    if (log !== null && viewport.attach(log)) {
      // Stay at the end when sizes change, because images load late and keyboards appear.
      this.resized.observe(log);
      if (log.firstElementChild !== null) this.resized.observe(log.firstElementChild);
    }
    viewport.settle();
    settleCarousels(this.element);
    this.source.composer.grow();
    if (viewport.atBeginning && state.has_more && state.older === "idle") this.source.loadOlder();
    this.element.toggleAttribute("data-ready", state.connection === "online");
    this.element.dataset["connection"] = state.connection;
  }

  /** Animate a new message when it is drawn for the first time. */
  arrive(key: string): void {
    this.arriving.add(key);
    setTimeout(() => this.arriving.delete(key), ARRIVAL_MS);
  }

  /** Focus the conversation. */
  focusLog(): void {
    this.log()?.focus({ preventScroll: true });
  }

  /** Draw all loaded messages for printing, and afterwards the usual part again. */
  print(signal: AbortSignal): void {
    const restore = this.viewport.showAll();
    this.printing = true;
    this.draw();
    const printed = (): void => {
      restore();
      this.printing = false;
      this.draw();
    };
    addEventListener("afterprint", printed, { once: true, signal });
  }

  /** Draw in the next frame, so that scrolling never blocks the page for long. */
  private scheduleFrame(): void {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.schedule();
    });
  }

  private log(): HTMLElement | null {
    return this.element.querySelector('[role="log"]');
  }

  private view(items: readonly Item[]): TemplateResult {
    const { state, config, composer, dialogs, attention, size } = this.source;
    const { words, locale, language } = this.source.localization;
    const person = state.handling?.operator ?? null;
    const isEmpty = items.length === 0 && state.session_id !== null && !state.typing;
    return html`
      ${headerView({
        words,
        heading: config.heading,
        avatar: this.look.avatar,
        level: config.heading_level,
        subheading: person === null ? config.subheading : fill(words.joined, person.name),
        status: this.status(),
        online: state.connection === "online",
        menu: this.source.menu(),
        menuOpen: dialogs.menuOpen,
        toggleMenu: (open) => dialogs.toggleMenu(open),
        enlarge: size === null || config.hide.includes("enlarge") ? null : () => this.source.toggleLarge(),
        isLarge: size !== "normal",
        close: config.layout === "fill" ? null : () => this.source.close(),
      })}
      ${noticesView(
        state.notices.map((notice) => ({ notice, text: noticeText(notice, words) })),
        words,
        (notice) => this.source.dismiss(notice),
      )}
      <div class="scroll">
        <div
          part="log"
          role="log"
          class="log"
          tabindex="0"
          aria-live="off"
          aria-label=${words.conversation}
          aria-busy=${state.session_id === null}
        >
          <div class="column">
            ${this.older()} ${transcriptView(items, this.transcriptContext())}
            ${isEmpty ? emptyView(this.look.avatar, config.heading, config.greeting || words.empty) : nothing}
            ${this.suggestions(items)} ${state.handling?.handler === "queue" ? queueView(words) : nothing}
            ${state.typing ? typingView(words, config.heading) : nothing}
            ${person !== null && state.agent_typing ? typingView(words, person.name) : nothing}
            ${this.source.rating.view(state.rating, words)}
          </div>
        </div>
        ${this.viewport.following ? nothing : this.jump()}
      </div>
      ${composer.view({
        words,
        placeholder: config.placeholder,
        voice: config.voice,
        language,
        files: state.files === null ? null : this.source.attaching,
      })}
      ${announcerView(attention.announced)} ${dialogs.view(words, locale)}
    `;
  }

  private jump(): TemplateResult {
    const { words, locale } = this.source.localization;
    const count = unread(this.source.state);
    return html`<button
      type="button"
      class="jump"
      part="jump"
      aria-label=${words.newest}
      @click=${() => this.source.scrollToEnd()}
    >
      ${count > 0 ? html`<span>${plural(words.unread, count, locale)}</span>` : nothing} ${downIcon()}
    </button>`;
  }

  private suggestions(items: readonly Item[]): TemplateResult | typeof nothing {
    const { state, config } = this.source;
    const hasWritten = items.some(({ kind }) => kind === "user" || kind === "pending");
    if (config.suggestions.length === 0 || state.session_id === null || state.has_more || hasWritten)
      return nothing;
    return suggestionsView(config.suggestions, ({ payload, title }) => this.source.choose(payload, title));
  }

  private older() {
    const { state } = this.source;
    const { words } = this.source.localization;
    if (this.viewport.span.start > 0) return nothing;
    if (state.older === "loading") return html`<p class="older" role="status">${words.loading}</p>`;
    if (!state.has_more) return nothing;
    if (this.printing) return html`<p class="older">${words.missing}</p>`;
    return html`<button type="button" class="older quiet" @click=${() => this.source.loadOlder()}>
      ${words.older}
    </button>`;
  }

  private transcriptContext(): TranscriptContext {
    const { messages, troubles } = this.source.state;
    let newest: string | null = null;
    if (pendingEntries(this.source.state).length === 0) {
      const last = messages.findLast((message) => message.role === "user");
      if (last?.role === "user") newest = last.message_id || last.id;
    }
    const { config, state, thumbs } = this.source;
    return {
      look: this.look,
      now: new Date(),
      troubles,
      newest,
      arriving: this.arriving,
      rated: config.feedback && !state.plain ? (seq) => thumbs.get(this.source.state, seq) : undefined,
      typing: state.typing,
    };
  }

  private createLook(): Look {
    const { config, localization, renderers } = this.source;
    return {
      words: localization.words,
      locale: localization.locale,
      base: `${config.server_url}/`,
      name: config.heading,
      avatar: config.avatar === "" ? null : safeSource(config.avatar, document.baseURI),
      renderers,
      choose: (payload, title) => this.source.choose(payload, title),
      retry: (message_id) => this.source.retry(message_id),
      discard: (message_id) => this.source.discard(message_id),
      edit: (message_id, text) => this.source.edit(message_id, text),
      openFile: (event, seq, file_id) => this.source.openFile(event, seq, file_id),
      rate: (seq, isGood) => this.source.rateReply(seq, isGood ? "up" : "down"),
      target: config.link_target,
      code: {
        copy: localization.words.copy,
        tokens: (code, language) => this.colouring.tokens(code, language),
        copied: () => this.source.copied(),
      },
    };
  }

  /** The line below the heading while the chat is not connected, or `""` if it is connected. */
  private status(): string {
    const { connection, session_id, refusal, notices, failures } = this.source.state;
    const { words } = this.source.localization;
    if (connection === "online") return "";
    if (connection === "refused") {
      const reason = refusalText(refusal, words);
      // Do not repeat the text of a notice.
      return notices.some((notice) => noticeText(notice, words) === reason) ? words.refused : reason;
    }
    // Show nothing until connecting has failed twice, because it is likely to succeed.
    if (session_id === null) return failures < 2 ? words.connecting : words.unreachable;
    return connection === "offline" || failures > 1 ? words.offline : words.connecting;
  }
}

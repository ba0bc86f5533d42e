/**
 * The chat itself: puts client, state and views together inside one element.
 *
 * Loaded when a visitor needs it (the launcher does without). Owns the state and the drawing loop; the views only
 * draw, the client only talks. Everything that happens goes through `reduce`, then the panel is drawn once.
 */

import { html, nothing, render } from "lit-html";

import { ConversationClient } from "../client/client";
import { systemChance, systemClock } from "../client/connect";
import type { ClientEvent } from "../client/events";
import { socketIoTransport } from "../client/socketio";
import type { KeyValueStore } from "../client/ports";
import type { OutboxEntry } from "../client/outbox";
import type { BotMessage, JsonObject, SessionSummary } from "../client/wire";
import { contents, plainWords } from "../state/content";
import { safeSource } from "../state/links";
import { EMPTY, reduce, unread, type ChatEvent, type ChatState } from "../state/state";
import { pendingEntries, transcript, type Item } from "../state/transcript";
import { adoptSession } from "./adopt";
import { Attention } from "./attention";
import { browserNetwork, browserStore } from "./browser";
import { Composer } from "./composer";
import { storageScope, type ChatConfig } from "./config";
import { Dialogs } from "./dialogs";
import { downloadTranscript } from "./download";
import { chooseLanguage, chooseLocale, direction, en, fill, loadWords, type Words } from "./i18n";
import { downIcon } from "./icons";
import { menuEntries } from "./menu";
import { noticeText, reasonText, refusalText } from "./notices";
import { Pacing } from "./pacing";
import { Past } from "./past";
import { Preferences } from "./preferences";
import { styles } from "./styles";
import type { CustomRenderer } from "./views/content";
import { announcerView, emptyView, headerView, noticesView, typingView, type MenuEntry } from "./views/shell";
import { transcriptView, type Look, type TranscriptContext } from "./views/transcript";
import { Viewport } from "./viewport";

/** What the element around the chat provides. */
export interface ChatHost {
  readonly root: ShadowRoot;
  readonly panel: HTMLElement;
  readonly renderers: ReadonlyMap<string, CustomRenderer>;
  token(): Promise<string | null | undefined>;
  /** What the page adds to every message. */
  metadata(): JsonObject;
  /** Tell the page. */
  tell(name: string, detail: unknown): void;
  open(): void;
  close(): void;
  isOpen(): boolean;
  unread(count: number): void;
}

/** Whether something was said: a picture leaves no preview, but it takes time. */
function hasMessages(session: SessionSummary): boolean {
  return session.preview !== "" || session.last > session.started;
}

/** As long as the movement of a message that comes (`styles.ts`), and a little. */
const ARRIVING_MS = 400;

export class Chat {
  state: ChatState = EMPTY;
  readonly client: ConversationClient;
  private readonly store: KeyValueStore;
  private readonly viewport = new Viewport(() => this.scheduleFrame());
  private words: Words = en;
  language = "en";
  /** The language with the visitor's manner of writing dates. */
  private locale = "en";
  private scheduled = false;
  private frame: number | null = null;
  /** What all messages are drawn with; another object whenever something of it has changed. */
  private look: Look;
  /** Messages that have just come, by key: they are seen arriving. */
  private readonly arriving = new Set<string>();
  private stopped = false;
  private readonly composer: Composer;
  private readonly dialogs: Dialogs;
  private readonly preferences: Preferences;
  private readonly attention: Attention;
  private readonly pacing: Pacing;
  private readonly past: Past;
  private readonly resized = new ResizeObserver(() => this.viewport.stay());
  private readonly ending = new AbortController();

  constructor(
    private readonly host: ChatHost,
    private config: ChatConfig,
  ) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
    host.root.adoptedStyleSheets = [...host.root.adoptedStyleSheets, sheet];
    this.look = this.lookOf(config);
    this.store = browserStore(config.storage);
    adoptSession(this.store, storageScope(config), config.adopt);
    this.client = new ConversationClient(
      {
        transport: socketIoTransport({
          url: config.server_url,
          path: config.socket_path,
          namespace: config.namespace,
        }),
        clock: systemClock,
        store: this.store,
        network: browserNetwork,
        chance: systemChance,
      },
      {
        scope: storageScope(config),
        token: () => host.token(),
        metadata: () => ({ ...this.config.metadata, ...host.metadata() }),
        plain_metadata_key: config.plain_metadata_key,
        user_message_event: config.user_message_event,
        bot_message_event: config.bot_message_event,
        ...(config.initial_payload === "" ? {} : { initial_payload: config.initial_payload }),
        ...(config.session_id === "" ? {} : { session_id: config.session_id }),
      },
    );
    this.composer = new Composer(
      host.panel,
      (text) => this.typed(text),
      () => this.schedule(),
      // Each tab has a draft of its own.
      browserStore(config.storage === "none" ? "none" : "session"),
      `${storageScope(config)}:draft`,
    );
    this.dialogs = new Dialogs(
      host.panel,
      () => this.draw(),
      () => this.composer.focus(),
      (session_id) => this.client.open(session_id),
    );
    this.preferences = new Preferences(this.store, storageScope(config));
    this.attention = new Attention(this.preferences, () => this.schedule());
    this.pacing = new Pacing(systemClock, (event) => this.happened(event));
    this.past = new Past(
      this.client,
      () => this.state,
      (event) => this.dispatch(event),
    );
    this.client.subscribe((event) => this.pacing.take(event, this.config.message_delay_ms));
    const { signal } = this.ending;
    host.panel.addEventListener("keydown", (event) => this.pressed(event), { signal });
    const turned = (event: Event): void => this.dialogs.turned(event.composedPath());
    document.addEventListener("pointerdown", turned, { signal, capture: true });
    // What moves inside the panel is not heard outside of it.
    document.addEventListener("focusin", turned, { signal });
    host.panel.addEventListener("focusin", turned, { signal });
    document.addEventListener("visibilitychange", () => this.looked(), { signal });
    addEventListener("beforeprint", () => this.print(), { signal });
  }

  async start(): Promise<void> {
    await this.configure(this.config);
    if (!this.store.persistent && this.config.storage !== "none") {
      this.dispatch({ type: "noticed", notice: { code: "no_storage", message: "" } });
    }
    this.client.start();
  }

  stop(): void {
    this.stopped = true;
    this.client.stop();
    this.ending.abort();
    this.resized.disconnect();
    this.composer.stop();
    this.attention.stop();
    render(nothing, this.host.panel);
  }

  async configure(config: ChatConfig): Promise<void> {
    this.config = config;
    const page = document.documentElement.lang;
    const wanted = [...config.language.split(/[\s,]+/), page, ...navigator.languages].filter(
      (tag) => tag !== "",
    );
    this.language = chooseLanguage(wanted);
    this.locale = chooseLocale(this.language, [...wanted, ...navigator.languages]);
    this.words = await loadWords(this.language);
    this.look = this.lookOf(config);
    this.host.panel.lang = this.language;
    this.host.panel.dir = direction(this.language);
    this.draw();
  }

  /** Say something for the visitor. */
  send(text: string, title?: string): string | null {
    const message = text.trim();
    if (message === "") return null;
    this.dialogs.turned([]);
    this.viewport.toEnd();
    const message_id = this.client.send(message, title === undefined ? {} : { title });
    this.arrive(message_id);
    this.host.tell("sent", { message, title, message_id });
    return message_id;
  }

  /** The visitor has written something; false: nothing to send. What one types is shown, also when it looks like a payload. */
  private typed(text: string): boolean {
    const message = text.trim();
    return this.say(message, message.startsWith("/") ? message : undefined);
  }

  private say(text: string, title: string | undefined): boolean {
    if (this.send(text, title) === null) return false;
    this.dispatch({ type: "written" });
    return true;
  }

  /** The panel was opened: read, and put the cursor where one writes, unless somebody writes elsewhere on the page. */
  opened(): void {
    this.viewport.toEnd();
    this.dispatch({ type: "read" });
    this.draw();
    const writing = document.activeElement?.matches("input, textarea, select, [contenteditable]") ?? false;
    if (!writing) this.composer.focus();
  }

  async reset(): Promise<void> {
    await this.attempt(() => this.client.reset());
  }

  async erase(): Promise<void> {
    await this.attempt(() => this.client.erase());
  }

  // -- what happens -------------------------------------------------------------------------------------------

  private happened(event: ClientEvent): void {
    const before = this.state;
    if (event.type === "message") this.arrive(event.message.id);
    this.dispatch(event);
    if (event.type === "message") {
      this.host.tell("message", event.message);
      if (event.message.role === "bot" && this.state.messages !== before.messages)
        this.answered(event.message);
    } else if (event.type === "left") {
      this.composer.clear(); // who forgets, forgets what is half written as well
    } else if (event.type === "outbox") {
      this.announceFailed(before, event.entries);
    } else if (event.type === "joined") {
      this.host.tell("session", { session_id: event.session_id, resumed: event.resumed, plain: event.plain });
      // What was there before the visitor looked is history, not news.
      if (before.session_id !== event.session_id) this.dispatch({ type: "read" });
    } else if (event.type === "connection") {
      this.host.tell("status", { status: event.status });
    } else if (event.type === "notice") {
      this.host.tell("notice", event.notice);
    }
  }

  /** Something new was said: tell those who listen, and those who look elsewhere. */
  private answered(message: BotMessage): void {
    const words = plainWords(contents(message.body), this.words);
    this.attention.announce(`${fill(this.words.said, this.config.heading)}: ${words}`);
    this.attention.readAloud(words, this.language);
    if (document.visibilityState === "visible" && this.host.isOpen()) return;
    this.attention.call(this.config.heading, words, () => this.host.open());
  }

  /** Who listens hears that a message could not be sent, when it is found out. */
  private announceFailed(before: ChatState, entries: readonly OutboxEntry[]): void {
    for (const { message_id, state, error } of entries) {
      const known = before.outbox.find((entry) => entry.message_id === message_id);
      if (state !== "failed" || known === undefined || known.state === "failed") continue;
      const reason = reasonText(error, this.words);
      this.attention.announce(reason === "" ? this.words.failed : `${this.words.failed}: ${reason}`);
    }
  }

  /** The visitor looks at the page again, or away. */
  private looked(): void {
    if (this.isWatched()) this.dispatch({ type: "read" });
    this.attention.count(unread(this.state));
  }

  private dispatch(event: ChatEvent): void {
    this.state = reduce(this.state, event);
    if (this.isWatched() && this.state.read !== (this.state.messages.at(-1)?.seq ?? 0)) {
      this.state = reduce(this.state, { type: "read" });
    }
    const count = unread(this.state);
    this.host.unread(count);
    this.attention.count(count);
    this.schedule();
  }

  private isWatched(): boolean {
    return this.host.isOpen() && document.visibilityState === "visible" && this.viewport.following;
  }

  private async attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.dispatch({ type: "noticed", notice: { code: "failed_request", message } });
    }
  }

  // -- drawing ------------------------------------------------------------------------------------------------

  /** Draw soon, once for everything that happens until then. */
  private schedule(): void {
    if (this.scheduled || this.stopped) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      if (!this.stopped) this.draw();
    });
  }

  /** Draw with the next frame: what scrolling asks for is cut into pieces that never block the page for long. */
  private scheduleFrame(): void {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.schedule();
    });
  }

  private draw(): void {
    const { state, viewport } = this;
    viewport.update(state.messages);
    const items = transcript(state, viewport.span.start, viewport.span.end);
    render(this.view(items), this.host.panel);
    const log = this.host.panel.querySelector<HTMLElement>('[role="log"]');
    if (log !== null && viewport.attach(log)) {
      // Pictures arrive late, keyboards slide in: the end stays the end.
      this.resized.observe(log);
      if (log.firstElementChild !== null) this.resized.observe(log.firstElementChild);
    }
    viewport.settle();
    this.composer.grow();
    if (viewport.atBeginning && state.has_more && state.older === "idle") void this.past.load();
    this.host.panel.toggleAttribute("data-ready", state.connection === "online");
    this.host.panel.dataset["connection"] = state.connection;
  }

  private view(items: readonly Item[]) {
    const { state, words, viewport } = this;
    const isEmpty = items.length === 0 && state.session_id !== null && !state.typing;
    const news = unread(state);
    return html`
      ${headerView({
        words,
        heading: this.config.heading,
        level: this.config.heading_level,
        subheading: this.config.subheading,
        status: this.status(),
        online: state.connection === "online",
        menu: this.menu(),
        menuOpen: this.dialogs.menuOpen,
        toggleMenu: (open) => this.dialogs.toggleMenu(open),
        close: this.config.layout === "fill" ? null : () => this.host.close(),
      })}
      ${noticesView(
        state.notices.map((notice) => ({ notice, text: noticeText(notice, words) })),
        words,
        (notice) => {
          this.dispatch({ type: "dismissed", notice });
          this.composer.focus(); // the button that had it goes
        },
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
            ${isEmpty ? emptyView(words) : nothing}
            ${state.typing ? typingView(words, this.config.heading) : nothing}
          </div>
        </div>
        ${
          viewport.following
            ? nothing
            : html`<button
                type="button"
                class="jump"
                part="jump"
                aria-label=${words.newest}
                @click=${() => this.toEnd()}
              >
                ${news > 0 ? html`<span>${news === 1 ? words.unread_one : fill(words.unread_many, news)}</span>` : nothing}
                ${downIcon()}
              </button>`
        }
      </div>
      ${this.composer.view({
        words,
        placeholder: this.config.placeholder,
        voice: this.config.voice,
        language: this.language,
      })}
      ${announcerView(this.attention.announced)} ${this.dialogs.view(words, this.locale)}
    `;
  }

  private older() {
    const { state, words } = this;
    if (this.viewport.span.start > 0) return nothing;
    if (state.older === "loading") return html`<p class="older" role="status">${words.loading}</p>`;
    if (!state.has_more) return nothing;
    return html`<button type="button" class="older quiet" @click=${() => void this.past.load()}>
      ${words.older}
    </button>`;
  }

  private transcriptContext(): TranscriptContext {
    const { state } = this;
    const pending = pendingEntries(state);
    let newest: string | null = null;
    for (let i = state.messages.length - 1; i >= 0 && pending.length === 0; i -= 1) {
      const message = state.messages[i]!;
      if (message.role !== "user") continue;
      newest = message.message_id || message.id;
      break;
    }
    return {
      look: this.look,
      now: new Date(),
      troubles: state.troubles,
      newest,
      arriving: this.arriving,
    };
  }

  private lookOf(config: ChatConfig): Look {
    return {
      words: this.words,
      locale: this.locale,
      base: `${config.server_url}/`,
      name: config.heading,
      avatar: config.avatar === "" ? null : safeSource(config.avatar, document.baseURI),
      renderers: this.host.renderers,
      choose: (payload: string, title: string) => {
        this.say(payload, title);
        this.composer.focus();
      },
      retry: (message_id: string) => {
        this.client.retry(message_id);
        this.composer.focus();
      },
      discard: (message_id: string) => {
        this.client.discard(message_id);
        this.composer.focus();
      },
    };
  }

  /** A message that has just come is drawn as arriving; what is drawn again later is not. */
  private arrive(key: string): void {
    this.arriving.add(key);
    setTimeout(() => this.arriving.delete(key), ARRIVING_MS);
  }

  /** Paper shows all that is loaded. */
  private print(): void {
    const back = this.viewport.showAll();
    this.draw();
    const printed = (): void => {
      back();
      this.draw();
    };
    addEventListener("afterprint", printed, { once: true, signal: this.ending.signal });
  }

  private status(): string {
    const { connection, session_id, refusal } = this.state;
    if (connection === "online") return "";
    if (connection === "refused") {
      const reason = refusalText(refusal, this.words);
      const isSaid = this.state.notices.some((notice) => noticeText(notice, this.words) === reason);
      return isSaid ? this.words.refused : reason;
    }
    return connection === "offline" && session_id !== null ? this.words.offline : this.words.connecting;
  }

  // -- what the visitor does ----------------------------------------------------------------------------------

  private toEnd(): void {
    this.viewport.toEnd();
    this.dispatch({ type: "read" });
    this.host.panel.querySelector<HTMLElement>('[role="log"]')?.focus({ preventScroll: true });
  }

  private menu(): MenuEntry[] {
    return menuEntries(this.words, this.config, this.preferences, {
      ask: (question) => this.dialogs.ask(question),
      past: () => void this.listSessions(),
      fresh: () => void this.reset(),
      download: () => void this.download(),
      erase: () => void this.erase(),
      switch: (preference) => void this.attention.switch(preference),
    });
  }

  /** Everything that was said, not only what is loaded. */
  private async download(): Promise<void> {
    const complete = await this.past.all();
    downloadTranscript(this.state.messages, complete, this.config.heading, this.words, this.locale);
  }

  private async listSessions(): Promise<void> {
    await this.attempt(async () => this.dialogs.offer((await this.client.list()).filter(hasMessages)));
  }

  private pressed(event: KeyboardEvent): void {
    if (event.key === "Tab") this.dialogs.tab(event, this.host.root.activeElement);
    if (event.key !== "Escape") return;
    if (!this.dialogs.close()) {
      if (this.config.layout === "fill") return;
      this.host.close();
    }
    event.stopPropagation();
  }
}

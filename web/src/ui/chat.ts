/**
 * The chat inside the element, which connects client, state, panel and the visitor's actions.
 *
 * Owns the state: every event goes through `reduce`, and then the panel is drawn. Loaded by `element.ts` when a visitor
 * needs the chat. Must not build markup (`panel.ts`, `views/`) or speak a protocol (`client/`).
 */

import type { ConversationClient } from "../client/client";
import { systemClock } from "../client/connect";
import { Typing } from "../client/typing";
import type { ClientEvent, Notice } from "../client/events";
import type { OutboxEntry } from "../client/outbox";
import type { KeyValueStore } from "../client/ports";
import type { Attachment, JsonObject, SessionSummary } from "../client/wire";
import { contents, plainWords } from "../state/content";
import type { Said } from "../state/transcript";
import { EMPTY, head, reduce, unread, type ChatEvent, type ChatState, type Handling } from "../state/state";
import { adoptSession } from "./adopt";
import { Attaching } from "./attaching";
import { Attention } from "./attention";
import { browserStore } from "./browser";
import { createClient } from "./client";
import { shareSession } from "./cookie";
import { Composer } from "./composer";
import type { Basics } from "./basics";
import { readConfig, type ChatConfig } from "./config";
import { keepAboveKeyboard } from "./covered";
import { diagnose } from "./diagnosis";
import { Dialogs } from "./dialogs";
import { inOneTab } from "./election";
import { ENGLISH, fill, localize, type Localization } from "./i18n";
import { menuEntries } from "./menu";
import { reasonText } from "./notices";
import { Pacing } from "./pacing";
import { Panel, type PanelSource } from "./panel";
import { Past } from "./past";
import { Preferences, type Preference } from "./preferences";
import { Rating } from "./rating";
import { ReadMark } from "./read_mark";
import { SizeControl, type Size } from "./size";
import { styles } from "./styles";
import { Thumbs, type Thumb } from "./thumbs";
import type { CustomRenderer } from "./views/content";
import type { MenuEntry } from "./views/shell";

/** Interval at which the server is notified that the visitor types. Shorter than the timeout of the operator's page. */
const TYPING_EVERY_MS = 3_000;

/**
 * The interface that the element provides to the chat.
 *
 * The element can come from an older release than the chat, so members may only be added.
 */
export interface ChatHost {
  readonly element: HTMLElement;
  readonly root: ShadowRoot;
  readonly panel: HTMLElement;
  basics(): Basics;
  readonly renderers: ReadonlyMap<string, CustomRenderer>;
  /** Add styles to the shadow root, unless they are already added. */
  adopt(css: string): void;
  token(): Promise<string | null | undefined>;
  /** Metadata that the page adds to every message. */
  metadata(): JsonObject;
  /** Dispatch `manent-<name>` on the element. */
  fire(name: string, detail: unknown): void;
  open(): void;
  close(): void;
  isOpen(): boolean;
  /** Whether the visitor uses a touch screen, where focusing a text field opens the keyboard. */
  isTouched(): boolean;
  showUnread(count: number): void;
}

/** Return whether a conversation has messages. A conversation that starts with an image has no preview. */
function hasMessages(session: SessionSummary): boolean {
  return session.preview !== "" || session.last > session.started;
}

export class Chat implements PanelSource {
  state: ChatState = EMPTY;
  localization: Localization = ENGLISH;
  readonly client: ConversationClient;
  readonly renderers: ReadonlyMap<string, CustomRenderer>;
  readonly composer: Composer;
  readonly attaching: Attaching;
  readonly dialogs: Dialogs;
  readonly attention: Attention;
  readonly rating: Rating;
  readonly thumbs: Thumbs;
  private readonly sizes: SizeControl;
  private readonly panel: Panel;
  private readonly store: KeyValueStore;
  private readonly preferences: Preferences;
  private readonly past: Past;
  private readonly readMark: ReadMark;
  private readonly ending = new AbortController();
  /** When the server was last informed that the visitor types; 0 after the visitor has stopped. */
  private typed = 0;
  private readonly agentTyping = new Typing(systemClock, (on) => this.dispatch({ type: "agent_typing", on }));

  config: ChatConfig;

  constructor(private readonly host: ChatHost) {
    host.adopt(styles);
    const config = (this.config = readConfig(host.element, host.basics()));
    const { scope } = config;
    this.renderers = host.renderers;
    this.store = shareSession(browserStore(config.storage), config);
    adoptSession(this.store, scope, config.adopt);
    // Each tab has a separate size and draft.
    const tabStore = browserStore(config.storage === "none" ? "none" : "session");
    this.sizes = new SizeControl(host.element, tabStore, `${scope}:size`);
    this.thumbs = new Thumbs(this.store, scope);
    this.panel = new Panel(host.panel, this);
    this.client = createClient(
      config,
      this.store,
      () => host.token(),
      () => ({ ...this.config.metadata, ...host.metadata() }),
    );
    this.composer = new Composer(
      host.panel,
      (text) => this.submit(text),
      () => {
        this.showTyping();
        this.panel.schedule();
      },
      () => this.deny("microphone_denied"),
      tabStore,
      `${scope}:draft`,
    );
    this.dialogs = new Dialogs(
      host.panel,
      () => this.panel.draw(),
      () => this.focus(),
      (session_id) => this.client.open(session_id),
    );
    this.rating = new Rating(
      this.store,
      scope,
      (score, comment) => this.attempt(() => this.client.rate(score, comment === "" ? {} : { comment })),
      (rating) => {
        this.dispatch({ type: "rating", rating });
        if (rating !== "asked") this.focus(); // the control that had the focus is gone
      },
      () => this.panel.schedule(),
    );
    this.preferences = new Preferences(this.store, scope);
    this.attention = new Attention(this.preferences, () => this.panel.schedule());
    this.attaching = new Attaching(
      host.panel,
      this.client,
      this.attention,
      () => ({
        offer: this.state.files,
        localization: this.localization,
        changed: () => this.panel.schedule(),
        failed: () => this.deny("failed_request"),
      }),
      (css) => host.adopt(css),
    );
    this.readMark = new ReadMark(this.store, scope);
    this.past = new Past(
      this.client,
      () => this.state,
      (event) => this.dispatch(event),
    );
    const pacing = new Pacing(systemClock, (event) => this.handle(event));
    this.client.subscribe((event) => pacing.take(event, this.config.message_delay_ms));
    this.listen();
  }

  async start(): Promise<void> {
    await this.configure();
    if (this.ending.signal.aborted) return; // the element was removed meanwhile
    if (!this.store.persistent && this.config.storage !== "none") {
      this.dispatch({ type: "noticed", notice: { code: "no_storage", message: "" } });
    }
    this.client.start();
  }

  stop(): void {
    this.attention.count(0);
    this.client.stop();
    this.ending.abort();
    this.composer.stop();
    this.agentTyping.stop();
    this.attaching.clear();
    this.attention.stop();
    this.panel.stop();
  }

  /** Read the element's attributes again. */
  async configure(): Promise<void> {
    this.config = readConfig(this.host.element, this.host.basics());
    const preferred = [...this.config.language.split(/[\s,]+/), document.documentElement.lang];
    const found = await localize(preferred, navigator.languages, this.config.tone);
    this.localization = { ...found, words: { ...found.words, ...this.config.words } };
    this.panel.configure();
  }

  // -- for the element ----------------------------------------------------------------------------------------

  /** Send a message for the visitor. Returns its id, or null for an empty text without files. */
  send(text: string, title?: string, attachments: readonly Attachment[] = []): string | null {
    const message = text.trim();
    if (message === "" && attachments.length === 0) return null;
    this.dialogs.turned([]);
    this.panel.viewport.toEnd();
    const message_id = this.client.send(message, { ...(title === undefined ? {} : { title }), attachments });
    this.panel.arrive(message_id);
    this.host.fire("sent", { message, title, message_id });
    return message_id;
  }

  /**
   * Handle the opening of the panel: mark all messages as read, and focus the text field unless the visitor types
   * elsewhere. If the chat opens by itself, `mayFocus` is false.
   */
  opened(mayFocus = true): void {
    this.panel.viewport.toEnd();
    this.dispatch({ type: "returned" });
    this.panel.draw();
    if (!mayFocus) return;
    const isTyping = document.activeElement?.matches("input, textarea, select, [contenteditable]") ?? false;
    if (!isTyping) this.focus();
  }

  async reset(): Promise<void> {
    await this.attempt(() => this.client.reset());
  }

  async erase(): Promise<void> {
    await this.attempt(() => this.client.erase());
  }

  // -- for the panel ------------------------------------------------------------------------------------------

  menu(): MenuEntry[] {
    const { size } = this;
    return menuEntries(this.localization.words, this.config, this.preferences, size && size === "full", {
      ask: (question) => this.dialogs.ask(question),
      past: () => void this.listSessions(),
      fresh: () => void this.reset(),
      download: () => void this.download(),
      erase: () => void this.erase(),
      switch: (preference) => void this.switch(preference),
      toggleFullScreen: () => {
        this.sizes.toggleFull();
        this.focus();
      },
    });
  }

  get size(): Size | null {
    return this.sizes.size;
  }

  toggleLarge(): void {
    this.sizes.toggleLarge();
  }

  /** Rate a reply. The rating is shown immediately, and removed if the server does not accept it. */
  rateReply(seq: number, thumb: Thumb): void {
    const before = this.thumbs.get(this.state, seq);
    if (before === thumb) return;
    this.thumbs.set(this.state, seq, thumb);
    this.panel.schedule();
    void this.attempt(() => this.client.rate(thumb === "up" ? 5 : 1, { of: seq })).then((isDone) => {
      if (isDone) this.attention.announce(this.localization.words.rated);
      else this.thumbs.set(this.state, seq, before);
      this.panel.schedule();
    });
  }

  copied(): void {
    this.attention.announce(this.localization.words.copied);
  }

  adopt(css: string): void {
    this.host.adopt(css);
  }

  close(): void {
    this.host.close();
  }

  choose(payload: string, title: string): void {
    this.sendWritten(payload, title);
    this.focus();
  }

  retry(message_id: string): void {
    this.client.retry(message_id);
    this.focus();
  }

  discard(message_id: string): void {
    this.client.discard(message_id);
    this.focus();
  }

  /** Move the text of a message that cannot be sent back to the text field. */
  edit(message_id: string, text: string): void {
    this.client.discard(message_id);
    this.composer.edit(text);
    this.panel.draw();
    this.composer.focus();
  }

  openFile(event: Event, seq: number, file_id: string): void {
    this.attaching.follow(event, seq, file_id);
  }

  dismiss(notice: Notice): void {
    this.dispatch({ type: "dismissed", notice });
    this.focus(); // the focused button was removed
  }

  loadOlder(): void {
    void this.past.load();
  }

  scrollToEnd(): void {
    this.panel.viewport.toEnd();
    this.dispatch({ type: "returned" });
    this.panel.focusLog();
  }

  // -- events -------------------------------------------------------------------------------------------------

  /** Focus the text field, or on a touch screen the conversation, because the keyboard would cover it. */
  private focus(): void {
    if (this.host.isTouched()) this.panel.focusLog();
    else this.composer.focus();
  }

  private handle(event: ClientEvent): void {
    const before = this.state;
    if (event.type === "agent_typing") {
      this.agentTyping.set(event.on);
      return;
    }
    const isSilent =
      event.type === "handler" ||
      (event.type === "message" && event.message.role !== "user") ||
      (event.type === "connection" && event.status !== "online");
    if (isSilent) this.agentTyping.set(false);
    if (event.type === "message") this.panel.arrive(event.message.id);
    // Read the mark before drawing: if the visitor sees the chat, drawing the messages moves the mark.
    const mark = event.type === "joined" ? this.readMark.get(event) : null;
    this.dispatch(event);
    switch (event.type) {
      case "message":
        this.host.fire("message", event.message);
        if (event.message.role !== "user" && this.state.messages !== before.messages)
          this.announceReply(event.message);
        break;
      case "left":
        this.composer.clear(); // the draft belongs to the previous session
        this.dialogs.reset();
        this.attaching.clear();
        // These values name the conversation, and in the mode `open` anyone who knows its id can read it.
        for (const name of ["read", "thumbs", "rate", "notified", "unread"])
          this.store.remove(`${this.config.scope}:${name}`);
        break;
      case "outbox":
        this.announceFailed(before, event.entries);
        break;
      case "joined":
        this.host.fire("session", {
          session_id: event.session_id,
          resumed: event.resumed,
          plain: event.plain,
        });
        if (before.epoch !== null && before.epoch !== event.epoch) this.attaching.clear();
        // If nothing is stored, treat messages from before this visit as read.
        if (before.session_id !== event.session_id) {
          const isSeen = mark !== null && this.isWatched();
          this.dispatch({ type: isSeen ? "returned" : "read", seq: mark ?? undefined });
        }
        if (this.rating.isAsked(event.session_id)) this.dispatch({ type: "rating", rating: "asked" });
        break;
      case "handler":
        this.announceHandler(before.handling, this.state.handling!);
        if (event.rate === true) this.rating.ask(this.state.session_id!);
        break;
      case "connection":
        this.host.fire("status", { status: event.status });
        if (event.status === "offline" && this.state.failures === 2) void diagnose(this.config);
        break;
      case "notice":
        this.host.fire("notice", event.notice);
    }
  }

  private announceHandler(before: Handling | null, handling: Handling): void {
    if (before === null) return; // nothing has changed since the visitor opened the chat
    const { words } = this.localization;
    const left = before.operator;
    const joined = handling.operator;
    if (handling.handler === "queue" && before.handler !== "queue") this.attention.announce(words.waiting);
    if (left?.id === joined?.id) return;
    if (left !== null) this.attention.announce(fill(words.left, left.name));
    if (joined !== null) this.attention.announce(fill(words.joined, joined.name));
  }

  private announceReply(message: Said): void {
    const { words, language } = this.localization;
    const name = message.role === "agent" ? message.operator.name : this.config.heading;
    const text = plainWords(contents(message.body), words);
    this.attention.announce(`${fill(words.said, name)}: ${text}`);
    // The tab that the visitor reads acts first, then a visible tab, then any tab.
    const isVisible = document.visibilityState === "visible";
    const isRead = isVisible && this.host.isOpen();
    const id = `${this.state.session_id} ${this.state.epoch} ${message.id}`;
    const later = setTimeout(
      () => {
        if (!isRead && message.seq <= (this.readMark.get(this.state) ?? -1)) return; // read in another tab
        inOneTab(this.store, this.config.scope, id, () => {
          this.attention.readAloud(text, language);
          if (!isRead) this.attention.call(name, text, () => this.host.open());
        });
      },
      isRead ? 0 : isVisible ? 300 : 600,
    );
    this.ending.signal.addEventListener("abort", () => clearTimeout(later), { once: true });
  }

  private announceFailed(before: ChatState, entries: readonly OutboxEntry[]): void {
    const { words } = this.localization;
    for (const { message_id, state, error } of entries) {
      const known = before.outbox.find((entry) => entry.message_id === message_id);
      if (state !== "failed" || known === undefined || known.state === "failed") continue;
      const reason = reasonText(error, words);
      this.attention.announce(reason === "" ? words.failed : `${words.failed}: ${reason}`);
    }
  }

  private dispatch(event: ChatEvent): void {
    this.state = reduce(this.state, event);
    if (this.isWatched() && this.state.read !== head(this.state)) {
      this.state = reduce(this.state, { type: "read" });
    }
    if (this.state.read > 0) this.readMark.set(this.state);
    if (this.state.session_id !== null) {
      const count = unread(this.state);
      this.host.showUnread(count);
      this.attention.count(count);
    }
    this.panel.schedule();
  }

  /** Return whether the visitor sees new messages as they arrive. */
  private isWatched(): boolean {
    return this.host.isOpen() && document.visibilityState === "visible" && this.panel.viewport.following;
  }

  // -- what the visitor does ----------------------------------------------------------------------------------

  private listen(): void {
    const { panel } = this.host;
    const { signal } = this.ending;
    const turned = (event: Event): void => this.dialogs.turned(event.composedPath());
    panel.addEventListener("keydown", (event) => this.pressed(event), { signal });
    document.addEventListener("pointerdown", turned, { signal, capture: true });
    // Focus changes inside the shadow root do not reach the document.
    document.addEventListener("focusin", turned, { signal });
    panel.addEventListener("focusin", turned, { signal });
    document.addEventListener("visibilitychange", () => this.visibilityChanged(), { signal });
    addEventListener("beforeprint", () => this.panel.print(signal), { signal });
    keepAboveKeyboard(panel, signal);
    this.attaching.listen(signal);
    const unwatch = this.readMark.watch(() => {
      const seq = this.readMark.get(this.state);
      if (seq !== null) this.dispatch({ type: "read", seq });
    });
    signal.addEventListener("abort", unwatch);
  }

  /**
   * Send what the visitor typed, with the uploaded files. It is shown even if it looks like a payload. Returns false if
   * there is nothing to send, or if files are still being uploaded.
   */
  private submit(text: string): boolean {
    if (this.attaching.isBusy) return false;
    const message = text.trim();
    return this.sendWritten(message, message.startsWith("/") ? message : undefined, this.attaching.take());
  }

  private sendWritten(
    text: string,
    title: string | undefined,
    attachments: readonly Attachment[] = [],
  ): boolean {
    if (this.send(text, title, attachments) === null) return false;
    this.dispatch({ type: "written" });
    return true;
  }

  /** Show the operator that the visitor types, every few seconds, or has deleted the draft. */
  private showTyping(): void {
    if (this.state.handling?.handler !== "human") return;
    const on = !this.composer.isEmpty;
    const now = Date.now();
    if (on ? now - this.typed < TYPING_EVERY_MS : this.typed === 0) return;
    this.typed = on ? now : 0;
    this.client.userTyping(on);
  }

  private visibilityChanged(): void {
    if (this.isWatched()) this.dispatch({ type: "returned" });
    this.attention.count(unread(this.state));
  }

  /** Returns false if the action failed. The visitor sees a notice then. */
  private async attempt(action: () => Promise<void>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.dispatch({ type: "noticed", notice: { code: "failed_request", message } });
      return false;
    }
  }

  /** Download the whole conversation, not only the loaded part. */
  private async download(): Promise<void> {
    const complete = await this.past.all();
    const { words, locale } = this.localization;
    await this.attempt(async () => {
      const { downloadTranscript } = await import("./download");
      downloadTranscript(this.state.messages, complete, this.config.heading, words, locale);
    });
  }

  private async switch(preference: Preference): Promise<void> {
    if (!(await this.attention.switch(preference))) this.deny("notifications_denied");
  }

  /** Show that the visitor's settings or a policy of the browser do not allow a function. */
  private deny(code: string): void {
    this.dispatch({ type: "noticed", notice: { code, message: "" } });
  }

  private async listSessions(): Promise<void> {
    await this.attempt(async () => {
      const { sessionId } = this.client;
      const sessions = await this.client.list();
      // The visitor may have signed out meanwhile.
      if (this.client.sessionId === sessionId) this.dialogs.offer(sessions.filter(hasMessages));
    });
  }

  private pressed(event: KeyboardEvent): void {
    if (event.key === "Tab") this.dialogs.tab(event, this.host.root.activeElement);
    if (event.key !== "Escape") return;
    // If nothing was closed here, the element closes the chat.
    if (this.dialogs.close()) event.stopPropagation();
    else if (this.size === "full") {
      this.sizes.toggleFull();
      event.stopPropagation();
    }
  }
}

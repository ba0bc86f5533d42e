/**
 * The desk: connects the API, the feed, the outbox, the state and the views, and does what the operator wants.
 *
 * Owns the state: every event goes through `reduce`, then the page is drawn. Called by `page.ts`. Must not build markup
 * (`views/`) or read JSON (`wire.ts`).
 */

import { nothing, render, type TemplateResult } from "lit-html";

import type { Clock, KeyValueStore, Timer } from "../client/ports";
import { fill } from "../ui/i18n";
import { Alerts, type Preference } from "./alerts";
import { Api, conversationPath, Rejected, Unreachable } from "./api";
import { filled, matching } from "./canned";
import { Feed } from "./feed";
import { commandOf } from "./keys";
import { Numbers } from "./numbers";
import { DeskOutbox, type Entry } from "./outbox";
import { Review } from "./review";
import { LogScroll } from "./scroll";
import { Search } from "./search";
import {
  EMPTY,
  mayHandle,
  mayReview,
  openedOf,
  reduce,
  type Filter,
  dayOf,
  listedOf,
  rowsOf,
  TYPING_MS,
  type DeskEvent,
  type DeskState,
  type Tab,
  type View,
} from "./state";
import { nameOf } from "./views/pieces";
import {
  readCanned,
  readHandlers,
  readDetail,
  readFeedEvent,
  readHead,
  readMe,
  readRows,
  type Canned,
  type JsonObject,
  type Operator,
} from "./wire";
import type { Localization } from "./words";

/** How often the server is informed that the operator types. */
const TYPING_EVERY_MS = 3_000;
/** How often times such as "5 min" are drawn again. */
const TICK_MS = 15_000;
/** Rows per page of the list. */
const LIMIT = 50;
/** Pause before the list is loaded again for a conversation that it does not have: one request for many events. */
const REFRESH_MS = 250;
const RETRY_MS = 3_000;
/** Pause before the slots and the form of the open conversation are loaded again. */
const DETAIL_MS = 800;
/** How long a confirmed message waits for the feed before the page loads the conversation. */
const ECHO_MS = 4_000;

/** A dialog over the page. */
export type Dialog = "help" | "hand_back" | "close" | "assign" | "canned" | null;

export interface DeskPorts {
  readonly clock: Clock;
  readonly store: KeyValueStore;
  readonly fetch?: typeof fetch;
  /** Return a new unique id. */
  id(): string;
  /** Return the page. A port, because the views import the desk. */
  view(desk: Desk, now: number): TemplateResult;
}

export class Desk {
  state: DeskState = EMPTY;
  canned: readonly Canned[] = [];
  dialog: Dialog = null;
  menuOpen = false;
  detailsOpen = false;
  /** Operators who can get the conversation; loaded when the dialog opens. */
  handlers: readonly (Operator & { present: boolean })[] = [];
  readonly api: Api;
  readonly outbox: DeskOutbox;
  readonly alerts: Alerts;
  readonly search: Search;
  readonly review: Review;
  readonly numbers: Numbers;
  private readonly feed: Feed;
  private readonly scroll = new LogScroll(() => void this.loadOlder());
  private readonly scope: string;
  private readonly ending = new AbortController();
  /** Id of the operator who is signed in, or was the last one. */
  private operator = "";
  private scheduled = false;
  private refreshing: ReturnType<typeof setTimeout> | null = null;
  private detailing: ReturnType<typeof setTimeout> | null = null;
  private entering: Timer | null = null;
  /** Number of events of the feed about conversations, and its value at the last event of each conversation. */
  private events = 0;
  private readonly changed = new Map<string, number>();
  /** When the server was last informed that the operator types, and where. */
  private typed = { sender_id: "", at: 0 };
  /** Numbers of the logs up to which the server knows that the operator has read. */
  private readonly read = new Map<string, number>();

  constructor(
    private readonly root: HTMLElement,
    base: string,
    readonly localization: Localization,
    private readonly ports: DeskPorts,
  ) {
    const { clock, store } = ports;
    const fetcher = ports.fetch ?? ((...request) => fetch(...request));
    this.scope = `manent-desk:${base}`;
    this.api = new Api(base, fetcher);
    this.alerts = new Alerts(store, this.scope);
    const changed = (): void => this.schedule();
    this.search = new Search(this.api, changed);
    this.review = new Review(this.api, changed);
    this.numbers = new Numbers(this.api, changed);
    this.outbox = new DeskOutbox(store, this.scope, clock, {
      send: (entry) => this.deliver(entry),
      confirmed: (entry, answer) => this.confirmed(entry, answer),
      rejected: (entry, error) => this.rejected(entry, error),
      changed,
    });
    this.feed = new Feed(
      `${base}events`,
      clock,
      {
        event: (type, data) => this.fed(type, data),
        opened: () => this.connected(),
        lost: () => this.dispatch({ type: "online", on: false }),
        signedOut: () => void this.enter(),
      },
      fetcher,
    );
  }

  get words() {
    return this.localization.words;
  }

  start(): void {
    const { signal } = this.ending;
    document.addEventListener("keydown", (event) => this.pressed(event), { signal });
    document.addEventListener("visibilitychange", () => this.visibilityChanged(), { signal });
    document.addEventListener("pointerdown", (event) => this.clicked(event), { signal });
    addEventListener("online", () => this.feed.hurry(), { signal });
    const ticking = setInterval(() => this.schedule(), TICK_MS);
    signal.addEventListener("abort", () => clearInterval(ticking));
    this.draw();
    void this.enter();
  }

  stop(): void {
    this.ending.abort();
    clearTimeout(this.refreshing ?? undefined);
    clearTimeout(this.detailing ?? undefined);
    this.feed.stop();
    this.outbox.stop();
    render(nothing, this.root);
  }

  // -- signing in ---------------------------------------------------------------------------------------------

  /** Ask who the operator is, and begin. */
  async enter(): Promise<void> {
    try {
      const me = readMe(await this.api.get("me"));
      if (me === null) throw new Error("the answer of /me names no operator");
      if (this.ending.signal.aborted) return;
      this.api.csrf = me.csrf;
      if (me.operator.id !== this.operator) this.read.clear();
      this.operator = me.operator.id;
      this.outbox.open(this.operator);
      this.dispatch({ type: "access", access: "granted", me });
      this.feed.start();
      void this.loadCanned();
    } catch (error) {
      if (this.ending.signal.aborted) return;
      const isSignedOut = error instanceof Rejected;
      this.dispatch({ type: "access", access: isSignedOut ? "signed_out" : "unreachable" });
      this.ports.clock.stop(this.entering);
      this.entering = this.ports.clock.start(isSignedOut ? 5 * RETRY_MS : RETRY_MS, () => {
        if (this.state.access !== "granted") void this.enter();
      });
    }
  }

  private connected(): void {
    this.dispatch({ type: "online", on: true });
    this.outbox.hurry();
    // The stream is open, so nothing is missed between this answer and the events. After a resumption, this finds what
    // the events of the outage did not contain.
    void this.loadList();
    void this.loadQueue();
    if (this.state.selected !== null) void this.loadDetail(this.state.selected);
  }

  // -- loading ------------------------------------------------------------------------------------------------

  async loadList(after: string | null = null): Promise<void> {
    const { view, filter, me } = this.state;
    this.dispatch({ type: "loading" });
    try {
      const handler = { waiting: "queue", mine: "human", human: "human", bot: "bot", all: null }[view];
      const operator = view === "mine" ? (me?.operator.id ?? null) : filter.operator;
      const { rows, next } = await this.page({
        handler,
        operator,
        label: filter.label,
        channel: filter.channel,
        from: dayOf(filter.from),
        to: dayOf(filter.to, 1),
        after,
      });
      // the operator has chosen other conversations meanwhile
      if (this.state.view !== view || this.state.filter !== filter) return;
      this.dispatch({ type: "rows", rows, next });
    } catch (error) {
      this.dispatch({ type: "list_failed" });
      this.checkAccess(error);
    }
  }

  /** Load the queue, whose length is always shown. */
  private async loadQueue(): Promise<void> {
    if (this.state.view === "waiting") return;
    try {
      const { rows } = await this.page({ handler: "queue" });
      this.dispatch({ type: "rows", rows });
    } catch (error) {
      this.checkAccess(error);
    }
  }

  /** Load a page of rows. Rows that the feed has changed since the request are left out, and loaded again soon. */
  private async page(
    query: Readonly<Record<string, string | number | null>>,
  ): Promise<ReturnType<typeof readRows>> {
    const since = this.events;
    const { rows, next } = readRows(await this.api.get("conversations", { ...query, limit: LIMIT }));
    const current = rows.filter(({ sender_id }) => (this.changed.get(sender_id) ?? 0) <= since);
    if (current.length < rows.length) this.refresh();
    return { rows: current, next };
  }

  private async loadDetail(sender_id: string, before?: number): Promise<void> {
    try {
      const query = { limit: LIMIT, before: before ?? null };
      const detail = readDetail(await this.api.get(conversationPath(sender_id), query));
      if (detail === null) throw new Error("the answer is not a conversation");
      this.dispatch({ type: "detail", detail, ...(before === undefined ? {} : { before }) });
      this.settle(sender_id);
      if (before === undefined) this.markRead();
    } catch (error) {
      if (before !== undefined) this.dispatch({ type: "older", sender_id, older: "failed" });
      else if (error instanceof Rejected && error.status === 404)
        this.dispatch({ type: "select", sender_id: null });
      this.checkAccess(error);
    }
  }

  async loadOlder(): Promise<void> {
    const opened = openedOf(this.state);
    const first = opened?.messages[0];
    if (opened === null || first === undefined || !opened.has_more || opened.older === "loading") return;
    const { sender_id } = opened.head;
    this.dispatch({ type: "older", sender_id, older: "loading" });
    await this.loadDetail(sender_id, first.seq);
  }

  private async loadCanned(): Promise<void> {
    try {
      this.canned = readCanned(await this.api.get("canned"));
      this.schedule();
    } catch (error) {
      this.checkAccess(error);
    }
  }

  private checkAccess(error: unknown): void {
    if (!(error instanceof Rejected) || error.status !== 401 || this.state.access !== "granted") return;
    this.feed.stop();
    void this.enter();
  }

  // -- what the operator does ---------------------------------------------------------------------------------

  go(tab: Tab): void {
    this.menuOpen = false;
    this.dispatch({ type: "tab", tab });
    if (tab === "review") void this.review.load();
    if (tab === "numbers") void this.numbers.load();
    if (tab === "search") this.focus("#query");
    if (tab === "review") this.focus("#review"); // so that its keys do not press the button of the tab
  }

  show(view: View): void {
    this.dispatch({ type: "view", view });
    void this.loadList();
  }

  /** List only conversations that match. */
  filter(change: Partial<Filter>): void {
    this.dispatch({ type: "filter", filter: { ...this.state.filter, ...change } });
    void this.loadList();
  }

  select(sender_id: string | null): void {
    if (this.state.tab !== "inbox") this.go("inbox");
    this.detailsOpen = false;
    this.dialog = null; // its question is about the conversation before
    this.stopTyping();
    this.dispatch({ type: "select", sender_id });
    if (sender_id !== null) void this.loadDetail(sender_id);
    this.draw();
    this.root.querySelector('.rows [aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }

  /** Move by `step` in the list. */
  move(step: number): void {
    const rows = listedOf(this.state);
    const at = rows.findIndex((row) => row.sender_id === this.state.selected);
    const row =
      rows[at === -1 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step))];
    if (row !== undefined && row.sender_id !== this.state.selected) this.select(row.sender_id);
  }

  /** Send a request about the selected conversation until the server answers. */
  act(request: string, body: JsonObject = {}): void {
    const opened = openedOf(this.state);
    if (opened === null || !mayHandle(this.state)) return;
    const { sender_id } = opened.head;
    if (request !== "say" && request !== "note" && this.outbox.has(sender_id, request)) return; // clicked twice
    this.outbox.add({
      id: typeof body["message_id"] === "string" ? body["message_id"] : this.ports.id(),
      sender_id,
      request,
      body,
      made: this.ports.clock.now(),
      state: "sending",
    });
  }

  take(): void {
    const head = openedOf(this.state)?.head;
    if (head !== undefined && head.handler !== "human") this.act("take", { expected: head.seq });
    this.focusReply();
  }

  /** Take the conversation from another operator. */
  takeOver(): void {
    if (this.state.me !== null) this.act("assign", { operator: this.state.me.operator.id });
    this.focusReply();
  }

  /** Send the draft. */
  say(): void {
    const opened = openedOf(this.state);
    if (opened === null || this.isOthers()) return;
    const draft = this.draft(opened.head.sender_id);
    const [first] = matching(this.canned, draft);
    if (first !== undefined) {
      this.useCanned(first);
      return;
    }
    if (draft.trim() === "") return;
    this.act("say", { text: draft.trim(), message_id: this.ports.id(), expected: opened.head.seq });
    this.write("");
    this.scroll.follow();
  }

  /** Put the text of a message that was rejected back into the text field. */
  edit(entry: Entry): void {
    this.outbox.discard(entry.id);
    const before = this.draft(entry.sender_id);
    const text = String(entry.body["text"] ?? "");
    this.write(before === "" ? text : `${text}\n${before}`);
    this.focusReply();
  }

  useCanned(reply: Canned): void {
    const slots = openedOf(this.state)?.slots ?? {};
    this.write(filled(reply.text, slots, this.state.me?.operator.name ?? ""));
    this.focusReply();
  }

  async saveCanned(key: string, text: string): Promise<void> {
    await this.attempt(async () => {
      await this.api.post(`canned/${encodeURIComponent(key)}`, { text }, "PUT");
      await this.loadCanned();
    });
    this.ask(null);
  }

  note(text: string): void {
    if (text.trim() !== "") this.act("note", { text: text.trim(), message_id: this.ports.id() });
  }

  label(add: readonly string[], remove: readonly string[]): void {
    const { selected } = this.state;
    if (selected === null) return;
    this.act("labels", { add: [...add], remove: [...remove] });
    this.showLabels(selected, add, remove);
  }

  private showLabels(sender_id: string, add: readonly string[], remove: readonly string[]): void {
    const known = this.state.opened[sender_id]?.labels ?? [];
    const labels = [...known.filter((label) => !remove.includes(label) && !add.includes(label)), ...add];
    this.dispatch({ type: "labels", sender_id, labels });
  }

  /** Copy the conversation as a test story. */
  async copyTest(): Promise<void> {
    const { selected } = this.state;
    if (selected === null) return;
    await this.attempt(async () => {
      const answer = await this.api.post(conversationPath(selected, "/test"));
      const story = typeof answer === "string" ? answer : String((answer as JsonObject)["story"] ?? "");
      await navigator.clipboard.writeText(story);
      this.notice("test", this.words.test_copied);
    });
  }

  async signOut(): Promise<void> {
    await this.attempt(async () => {
      await this.api.post("sign_out");
      this.feed.stop();
      await this.enter();
    });
  }

  async loadHandlers(): Promise<void> {
    await this.attempt(async () => {
      const me = this.state.me?.operator.id;
      this.handlers = readHandlers(await this.api.get("members")).filter(({ id }) => id !== me);
      this.schedule();
    });
  }

  /** Open a dialog, or close the open one. */
  ask(dialog: Dialog): void {
    this.dialog = dialog;
    if (dialog === "assign") void this.loadHandlers();
    if (dialog === "hand_back" && this.review.state === "idle" && mayReview(this.state))
      void this.review.load();
    this.menuOpen = false;
    this.draw();
    const element = this.root.querySelector("dialog");
    if (dialog !== null && element !== null && !element.open) element.showModal();
  }

  toggleMenu(): void {
    this.menuOpen = !this.menuOpen;
    this.draw();
    if (this.menuOpen) this.focus("#menu button");
  }

  toggleDetails(): void {
    this.detailsOpen = !this.detailsOpen;
    this.draw();
  }

  async switch(preference: Preference): Promise<void> {
    if (!(await this.alerts.switch(preference)))
      this.notice("notifications", this.words.notifications_denied);
    this.schedule();
  }

  dismiss(key: string): void {
    this.dispatch({ type: "dismiss", key });
  }

  /** Return whether another operator has the selected conversation. */
  isOthers(): boolean {
    const head = openedOf(this.state)?.head;
    return head?.operator != null && head.operator.id !== this.state.me?.operator.id;
  }

  // -- drafts and typing --------------------------------------------------------------------------------------

  draft(sender_id: string): string {
    return this.ports.store.get(this.draftKey(sender_id)) ?? "";
  }

  /** Keep the draft for the selected conversation. */
  write(text: string): void {
    const { selected } = this.state;
    if (selected === null) return;
    const key = this.draftKey(selected);
    if (text === "") this.ports.store.remove(key);
    else this.ports.store.set(key, text);
    if (text === "") this.stopTyping();
    else if (!text.startsWith("/")) this.showTyping(selected);
    this.schedule();
  }

  private draftKey(sender_id: string): string {
    return `${this.scope}:draft:${encodeURIComponent(this.operator)}:${sender_id}`;
  }

  private showTyping(sender_id: string): void {
    const now = this.ports.clock.now();
    if (this.typed.sender_id === sender_id && now - this.typed.at < TYPING_EVERY_MS) return;
    this.typed = { sender_id, at: now };
    this.typing(sender_id, true);
  }

  private stopTyping(): void {
    if (this.typed.sender_id !== "") this.typing(this.typed.sender_id, false);
    this.typed = { sender_id: "", at: 0 };
  }

  private typing(sender_id: string, on: boolean): void {
    if (!mayHandle(this.state)) return;
    this.api.post(conversationPath(sender_id, "/typing"), { on }).catch((error) => this.checkAccess(error));
  }

  // -- events -------------------------------------------------------------------------------------------------

  private fed(type: string, data: unknown): void {
    const event = readFeedEvent(type, data);
    if (event === null) return;
    const before = this.state;
    const sender_id =
      event.type === "conversation" ? event.head.sender_id : "sender_id" in event ? event.sender_id : "";
    const at = this.ports.clock.now();
    if (event.type === "conversation" || event.type === "message" || event.type === "gone")
      this.changed.set(sender_id, (this.events += 1));
    this.dispatch({ type: "feed", event, at, watched: this.isWatched(sender_id) });
    if (event.type === "reset") {
      void this.loadList();
      void this.loadQueue();
      if (this.state.selected !== null) void this.loadDetail(this.state.selected);
    }
    if (event.type === "typing" && event.on) setTimeout(() => this.schedule(), TYPING_MS + 100);
    if (event.type === "conversation") {
      const { handler, waiting_since } = event.head;
      if (handler === "queue" && before.rows[sender_id]?.handler !== "queue")
        this.call(
          `${sender_id} ${waiting_since ?? ""}`,
          sender_id,
          this.words.alert_title,
          event.row?.preview ?? "",
        );
      if (event.row === null) this.refresh();
      if (sender_id === before.selected) this.reloadSoon(sender_id);
    }
    if (event.type === "message") {
      this.settle(sender_id);
      const row = this.state.rows[sender_id];
      if (row === undefined) this.refresh();
      const isMine = row?.handler === "human" && row.operator?.id === this.state.me?.operator.id;
      const said = event.messages.findLast(({ role }) => role === "user");
      if (isMine && said !== undefined && !this.isWatched(sender_id))
        this.call(`${sender_id} ${said.id}`, sender_id, nameOf(sender_id, this.words), said.text);
      this.markRead();
      // The bot has filled slots, or has asked for the next one.
      const isBots = event.messages.some(({ role }) => role === "bot");
      const isReplaced = openedOf(before)?.head.epoch !== openedOf(this.state)?.head.epoch;
      if (sender_id === before.selected && (isBots || isReplaced)) this.reloadSoon(sender_id);
    }
  }

  private reloadSoon(sender_id: string): void {
    this.detailing ??= setTimeout(() => {
      this.detailing = null;
      if (sender_id === this.state.selected) void this.loadDetail(sender_id);
    }, DETAIL_MS);
  }

  /** Remove confirmed messages that the log shows. The log does not contain their ids. */
  private settle(sender_id: string): void {
    const messages = this.state.opened[sender_id]?.messages ?? [];
    const me = this.state.me?.operator.id;
    for (const { id, state, body } of this.outbox.of(sender_id)) {
      const since = Number(body["expected"]);
      const isShown = messages.some(
        (message) => message.operator?.id === me && message.text === body["text"] && message.seq > since,
      );
      if (state === "sent" && isShown) this.outbox.discard(id);
    }
  }

  /** Load the list soon: an event was about a conversation that it does not have. */
  private refresh(): void {
    this.refreshing ??= setTimeout(() => {
      this.refreshing = null;
      void this.loadList();
      void this.loadQueue();
    }, REFRESH_MS);
  }

  private call(id: string, sender_id: string, title: string, text: string): void {
    this.alerts.call(id, title, text, () => this.select(sender_id));
  }

  /** Send an entry of the outbox. While nobody is signed in, it waits as if the server could not be reached. */
  private async deliver(entry: Entry): Promise<unknown> {
    try {
      return await this.api.post(conversationPath(entry.sender_id, `/${entry.request}`), entry.body);
    } catch (error) {
      this.checkAccess(error);
      throw error instanceof Rejected && error.status === 401 ? new Unreachable(error.message) : error;
    }
  }

  private confirmed(entry: Entry, answer: unknown): void {
    const head = readHead((answer as JsonObject | null)?.["head"]);
    if (head !== null) this.dispatch({ type: "head", head });
    this.settle(entry.sender_id);
    this.ports.clock.start(ECHO_MS, () => {
      const isMissing = this.outbox.of(entry.sender_id).some(({ id }) => id === entry.id);
      if (isMissing && entry.sender_id === this.state.selected) void this.loadDetail(entry.sender_id);
    });
  }

  private rejected(entry: Entry, error: Rejected): void {
    if (error.head !== null) this.dispatch({ type: "head", head: error.head });
    if (entry.request === "labels") {
      const { add, remove } = entry.body as unknown as { add: string[]; remove: string[] };
      this.showLabels(entry.sender_id, remove, add);
    }
    const isDone = { hand_back: "bot", close: "bot" }[entry.request] === error.head?.handler;
    if (isDone && error.head !== null) return; // an earlier attempt has succeeded, and its answer was lost
    // The visitor has asked for a person meanwhile: the operator wants the same as before.
    if ((entry.request === "take" || entry.request === "say") && error.head?.handler === "queue") {
      const { error: _, ...again } = entry;
      this.outbox.add({ ...again, state: "sending", body: { ...entry.body, expected: error.head.seq } });
      return;
    }
    const other = error.head?.operator;
    const text =
      other != null && other.id !== this.state.me?.operator.id
        ? fill(this.words.taken, other.name)
        : fill(this.words.refused, error.message);
    if (entry.request !== "say" || other != null) this.notice(`rejected ${entry.sender_id}`, text);
  }

  private markRead(): void {
    const opened = openedOf(this.state);
    if (opened === null || !this.isWatched(opened.head.sender_id)) return;
    const { sender_id, epoch } = opened.head;
    const log = `${epoch} ${sender_id}`;
    const seq = opened.messages.at(-1)?.seq ?? 0;
    if ((this.read.get(log) ?? 0) >= seq) return;
    this.read.set(log, seq);
    this.dispatch({ type: "read", sender_id });
    this.api.post(conversationPath(sender_id, "/read"), { seq }).catch((error) => {
      this.read.delete(log);
      this.checkAccess(error);
    });
  }

  /** Return whether the operator sees new messages of a conversation as they arrive. */
  private isWatched(sender_id: string): boolean {
    const { tab, selected } = this.state;
    return tab === "inbox" && selected === sender_id && document.visibilityState === "visible";
  }

  private visibilityChanged(): void {
    if (document.visibilityState === "visible") {
      this.markRead();
      if (!this.state.online && this.state.access === "granted") this.feed.hurry();
      if (this.state.access !== "granted") void this.enter();
    }
    this.schedule();
  }

  private clicked(event: Event): void {
    const isMenu = event
      .composedPath()
      .some((each) => each instanceof Element && each.matches("#menu, .menu-button"));
    if (!this.menuOpen || isMenu) return;
    this.menuOpen = false;
    this.schedule();
  }

  private pressed(event: KeyboardEvent): void {
    const target = event.target as Element;
    const isWriting = target.matches("input, textarea, select, [contenteditable]");
    const command = commandOf(event, isWriting);
    if (this.state.access !== "granted") return;
    if (this.dialog === null && !isWriting && this.state.tab === "review" && this.review.pressed(event))
      return;
    if (command === null || (this.dialog !== null && command !== "help")) return;
    if (command === "leave") {
      if (this.menuOpen) this.toggleMenu();
      else if (isWriting) (target as HTMLElement).blur();
      return;
    }
    // These keys act on the open conversation, which only the inbox shows.
    if (this.state.tab !== "inbox" && ["reply", "take", "hand_back"].includes(command)) return;
    event.preventDefault();
    switch (command) {
      case "next":
        return this.move(1);
      case "previous":
        return this.move(-1);
      case "reply":
        return this.focusReply();
      case "take":
        return this.take();
      case "hand_back":
        if (this.mayHandBack()) this.ask("hand_back");
        return;
      case "search":
        return this.go("search");
      case "help":
        return this.ask(this.dialog === "help" ? null : "help");
    }
  }

  mayHandBack(): boolean {
    const head = openedOf(this.state)?.head;
    return head !== undefined && head.handler !== "bot" && !this.isOthers() && mayHandle(this.state);
  }

  // -- drawing ------------------------------------------------------------------------------------------------

  notice(key: string, text: string): void {
    this.dispatch({ type: "notice", notice: { key, text } });
  }

  async attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.checkAccess(error);
      this.notice(
        "attempt",
        fill(this.words.refused, error instanceof Error ? error.message : String(error)),
      );
    }
  }

  dispatch(event: DeskEvent): void {
    this.state = reduce(this.state, event);
    this.alerts.count(rowsOf(this.state, "waiting").length);
    this.schedule();
  }

  schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      if (!this.ending.signal.aborted) this.draw();
    });
  }

  private draw(): void {
    const log = this.root.querySelector<HTMLElement>('[role="log"]');
    this.scroll.before(log);
    render(this.ports.view(this, this.ports.clock.now()), this.root);
    this.scroll.after(this.root.querySelector<HTMLElement>('[role="log"]'), this.state.selected);
  }

  private focusReply(): void {
    this.draw();
    this.focus("#reply");
  }

  private focus(selector: string): void {
    this.draw();
    this.root.querySelector<HTMLElement>(selector)?.focus();
  }
}

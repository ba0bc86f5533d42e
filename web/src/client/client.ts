/**
 * One visitor's conversation over protocol 1: joins, catches up, sends, resends, and tells listeners what happened.
 *
 * Owns the connection's life, the cursor and the stored session; messages go out through `sending.ts`. Called by the
 * chat's controller and by anybody who writes a chat of their own. Knows no DOM, no wall clock and no socket: see
 * `ports.ts`. Keeps no list of messages; the state does.
 */

import { pauseAfter } from "./backoff";
import { advance, after, at, type Position } from "./cursor";
import type { ClientEvent, Notice } from "./events";
import { fillGap } from "./gap";
import type { OutboxEntry } from "./outbox";
import { confirmedId, PlainLog } from "./plain";
import type { Chance, Clock, KeyValueStore, Network, Timer, Transport } from "./ports";
import { Sending } from "./sending";
import { SessionMemory } from "./session";
import {
  isAnswer,
  isObject,
  PAGE_LIMIT,
  PROTOCOL,
  readError,
  readMessage,
  readPage,
  readSessionAnswer,
  readSessions,
  type JsonObject,
  type Message,
  type PageAnswer,
  type Requests,
  type SessionAnswer,
  type SessionRequest,
  type SessionSummary,
  type WireError,
} from "./wire";

export interface ClientPorts {
  transport: Transport;
  clock: Clock;
  store: KeyValueStore;
  network: Network;
  chance: Chance;
}

export interface ClientOptions {
  /** Prefix of every stored key: one per server, so that two chats on one site stay apart. */
  scope: string;
  /** Use this conversation instead of the stored one. */
  session_id?: string;
  session_token?: string;
  /** Gives the JWT, freshly each time one is needed. */
  token?: () => Promise<string | null | undefined> | string | null | undefined;
  /** Said on the visitor's behalf when a conversation is new; a bare payload (`/greet`) is not drawn. */
  initial_payload?: string;
  /** Sent along with every message; asked for when the message is written. */
  metadata?: () => JsonObject;
  /** The key that plain servers expect metadata under. */
  plain_metadata_key?: string;
  /** Names of the two message events on plain servers. */
  user_message_event?: string;
  bot_message_event?: string;
  limit?: number;
}

/** Between tries with a token that the server does not accept; `reconnect` (a new token) does not wait. */
export const REFUSED_MS = 60_000;
/** An answer that takes longer is asked for again; asking twice is harmless. */
export const ANSWER_TIMEOUT_MS = 15_000;
/** After a sleep the connection may be dead without knowing it. */
export const WAKE_TIMEOUT_MS = 4_000;
export const TYPING_TIMEOUT_MS = 10_000;

/** The ways in which a session can be refused although another one would be welcome. */
const SESSION_REFUSED = new Set(["forbidden", "bad_session_id"]);

export class RequestRefused extends Error {
  constructor(readonly error: WireError) {
    super(error.message);
  }
}

export class ConversationClient {
  private readonly sending: Sending;
  private readonly memory: SessionMemory;
  private readonly plainLog: PlainLog;
  private readonly listeners = new Set<(event: ClientEvent) => void>();
  private readonly endings: (() => void)[] = [];

  private phase: "closed" | "waiting" | "connecting" | "joining" | "ready" = "closed";
  private plain = false;
  private session: { session_id: string; session_token?: string; epoch: string } | null = null;
  private position: Position = at("", 0);
  /** What came live since the last answer: a list that starts afresh must not lose it. */
  private arrived: Message[] = [];
  private joins = 0; // each join outdates the ones before
  private failures = 0;
  private resyncing: Promise<void> | null = null;
  private retryTimer: Timer | null = null;
  private typingTimer: Timer | null = null;

  constructor(
    private readonly ports: ClientPorts,
    private readonly options: ClientOptions,
  ) {
    this.sending = new Sending(
      {
        ready: () => (this.phase === "ready" ? this.session : null),
        joins: () => this.joins,
        seen: () => this.position.cursor.seq,
        request: (payload) => this.request("user_uttered", payload),
        isPlain: () => this.plain,
        sayPlain: (entry) => this.sayPlain(entry),
        resync: () => void this.resync(),
        tell: (event) => this.tell(event),
      },
      ports,
      options.scope,
    );
    this.memory = new SessionMemory(ports.store, options.scope);
    this.plainLog = new PlainLog(ports.store, options.scope);
    if (options.session_id !== undefined && this.memory.get()?.session_id !== options.session_id) {
      const session_token = options.session_token;
      this.memory.set({
        session_id: options.session_id,
        ...(session_token === undefined ? {} : { session_token }),
      });
    }
    ports.transport.listen({
      connected: () => this.join(),
      disconnected: (reason, refused) => this.lost(reason, refused),
      received: (event, payload) => this.receive(event, payload),
    });
  }

  /** Be told of everything from now on; returns a function that ends it. */
  subscribe(listener: (event: ClientEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The conversation's id, once there is one. */
  get sessionId(): string | null {
    return this.session?.session_id ?? null;
  }

  start(): void {
    if (this.phase !== "closed") return;
    this.endings.push(
      this.ports.network.watch((happened) => this.networkChanged(happened)),
      this.ports.store.watch((key) => this.storeChanged(key)),
    );
    this.sending.tell();
    this.connect();
  }

  stop(): void {
    this.phase = "closed";
    for (const end of this.endings.splice(0)) end();
    this.ports.clock.stop(this.retryTimer);
    this.ports.clock.stop(this.typingTimer);
    this.sending.stop();
    this.ports.transport.close();
  }

  // -- what a visitor does ------------------------------------------------------------------------------------

  /** Say something. It is written down first, and sent as soon as possible, until answered. Returns its id. */
  send(message: string, extra: { title?: string; metadata?: JsonObject; message_id?: string } = {}): string {
    const message_id = extra.message_id ?? this.ports.chance.id();
    const metadata = { ...this.options.metadata?.(), ...extra.metadata };
    this.sending.write(message_id, message, extra.title, metadata, this.session ?? this.memory.get());
    return message_id;
  }

  /** Try a failed message once more. */
  retry(message_id: string): void {
    this.sending.retry(message_id);
  }

  /** Give a message up that was not sent. */
  discard(message_id: string): void {
    this.sending.discard(message_id);
  }

  /** Ask for the page before `before`; the messages come as an `older` event, or `older_failed` says that they don't. */
  async loadOlder(before: number): Promise<void> {
    try {
      const page = await this.page(before, this.options.limit ?? PAGE_LIMIT);
      this.tell({ type: "older", messages: page.messages, has_more: page.has_more });
    } catch {
      this.tell({ type: "older_failed" });
    }
  }

  /** Leave this conversation and begin a new one. The old one stays in the log. */
  async reset(): Promise<void> {
    await this.begin("session_reset");
  }

  /** Have this conversation erased. */
  async erase(): Promise<void> {
    await this.begin("session_erase");
  }

  /** The visitor's own conversations, newest first as the server gives them. */
  async list(): Promise<SessionSummary[]> {
    return readSessions(await this.ask("session_list", {}));
  }

  /** Go over to another of one's own conversations. */
  open(session_id: string, session_token?: string): void {
    this.memory.set({ session_id, ...(session_token === undefined ? {} : { session_token }) });
    this.leave();
    this.join();
  }

  /** Forget the session in this browser without touching the log, and begin afresh (log-out). */
  forget(): void {
    this.memory.forget();
    this.plainLog.clear();
    this.sending.clear();
    this.leave();
    this.tell({ type: "left" });
    this.sending.tell();
    if (this.phase === "joining" || this.phase === "ready") this.join();
  }

  /** Present a new token in band. */
  async refreshToken(): Promise<void> {
    const token = await this.options.token?.();
    if (typeof token === "string" && this.phase === "ready") await this.ask("token_refresh", { token });
  }

  /** Drop the connection and make a new one, with a new token if one is configured. */
  reconnect(): void {
    if (this.phase === "closed") return;
    this.ports.transport.close();
    this.connect();
  }

  // -- connection ---------------------------------------------------------------------------------------------

  private connect(): void {
    this.ports.clock.stop(this.retryTimer);
    this.retryTimer = null;
    if (!this.ports.network.online()) {
      this.phase = "waiting";
      this.tell({ type: "connection", status: "offline" });
      return;
    }
    this.phase = "connecting";
    this.tell({ type: "connection", status: "connecting" });
    void this.openTransport();
  }

  private async openTransport(): Promise<void> {
    const auth: JsonObject = {};
    try {
      const token = await this.options.token?.();
      if (typeof token === "string") auth["token"] = token;
    } catch (error) {
      this.lost("token", { code: "token_unavailable", message: String(error) });
      return;
    }
    if (this.phase === "connecting") this.ports.transport.open(auth);
  }

  private lost(_reason: string, refused?: { code: string; message: string }): void {
    if (this.phase === "closed") return;
    this.phase = "waiting";
    this.joins += 1;
    this.sending.interrupt();
    this.resyncing = null;
    this.setTyping(false);
    // A token that was refused twice will be refused again, until the page has another.
    const hopeless = refused?.code.startsWith("jwt_") === true && this.failures > 0;
    const pause = hopeless ? REFUSED_MS : pauseAfter(this.failures, this.ports.chance.random());
    this.failures += 1;
    if (refused) this.tell({ type: "connection", status: "refused", retry_in_ms: pause, error: refused });
    else this.tell({ type: "connection", status: "offline", retry_in_ms: pause });
    this.ports.clock.stop(this.retryTimer);
    this.retryTimer = this.ports.clock.start(pause, () => this.connect());
  }

  private networkChanged(happened: "online" | "offline" | "wake"): void {
    if (this.phase === "closed") return;
    if (happened === "offline") {
      this.ports.transport.close();
      this.lost("offline");
      this.ports.clock.stop(this.retryTimer); // "online" will come
    } else if (this.phase === "waiting") {
      this.failures = 0;
      this.connect();
    } else if (this.phase === "ready" && !this.plain) {
      void this.resync(WAKE_TIMEOUT_MS);
    }
  }

  private storeChanged(key: string): void {
    if (this.sending.owns(key)) {
      this.sending.reload(this.memory.get());
    } else if (this.memory.owns(key) && this.phase === "ready" && !this.plain) {
      // Another tab began a conversation, or two tabs began one at once: all follow what is stored.
      const stored = this.memory.get();
      if (stored !== null && stored.session_id !== this.session?.session_id) {
        this.leave();
        this.join();
      }
    }
  }

  // -- joining ------------------------------------------------------------------------------------------------

  private join(): void {
    if (this.phase === "closed" || this.phase === "waiting") return;
    const stored = this.memory.get();
    // While we were away another tab may have gone over to another conversation.
    if (this.session !== null && stored !== null && stored.session_id !== this.session.session_id)
      this.leave();
    this.phase = "joining";
    this.joins += 1;
    void this.joinOnce(this.joins);
  }

  private sessionRequest(): SessionRequest {
    const stored = this.memory.get();
    const session_id = this.session?.session_id ?? stored?.session_id;
    const token = this.session?.session_token ?? stored?.session_token;
    return {
      protocol: PROTOCOL,
      ...(session_id === undefined ? {} : { session_id }),
      ...(token === undefined ? {} : { session_token: token }),
      ...(this.session === null ? {} : { cursor: { ...this.position.cursor } }),
      limit: this.options.limit ?? PAGE_LIMIT,
    };
  }

  private async joinOnce(join: number): Promise<void> {
    const request = this.sessionRequest();
    let answer: unknown;
    try {
      answer = await this.request("session_request", request);
    } catch {
      if (join === this.joins && this.phase === "joining") this.retryConnection();
      return;
    }
    if (join !== this.joins || this.phase !== "joining") return;
    if (!isAnswer(answer)) return; // a plain server acknowledges with nothing; its session_confirm says the rest
    const error = readError(answer);
    if (error !== null) {
      this.joinRefused(error);
      return;
    }
    if (request["session_id"] === undefined && this.memory.get() !== null) {
      this.join(); // another tab was given a conversation meanwhile; one is enough
      return;
    }
    await this.joined(answer, join);
  }

  private retryConnection(): void {
    this.ports.transport.close();
    this.lost("no answer");
  }

  private joinRefused(error: WireError): void {
    const stored = this.memory.get();
    if (error.retry_after === undefined && SESSION_REFUSED.has(error.code) && stored !== null) {
      // The stored session is not ours (any more). A new one is better than none, and is said aloud.
      this.memory.forget();
      this.leave();
      this.tell({ type: "notice", notice: { code: "session_lost", message: error.message } });
      this.join();
      return;
    }
    const notice: Notice = { code: error.code, message: error.message };
    this.ports.transport.close();
    this.lost("refused", notice);
    if (error.retry_after !== undefined) {
      this.ports.clock.stop(this.retryTimer);
      this.retryTimer = this.ports.clock.start(error.retry_after * 1000, () => this.connect());
    }
  }

  private async joined(answer: unknown, join: number): Promise<void> {
    const session = readSessionAnswer(answer);
    if (session === null) {
      this.joinRefused({ code: "unreadable_answer", message: "The server's answer could not be read." });
      return;
    }
    let { messages, has_more } = session;
    const before = this.position;
    const sameLog = this.session?.session_id === session.session_id && before.cursor.epoch === session.epoch;
    let continues = sameLog && !session.gap;
    // From here on live events count against the new position, also while a gap is being filled.
    this.enter(session);
    if (sameLog && session.gap && before.cursor.seq > 0) {
      const filled = await fillGap(before.cursor.seq, messages, has_more, (oldest, limit) =>
        this.page(oldest, limit),
      );
      if (join !== this.joins) return;
      ({ messages, has_more, continues } = filled);
    }
    this.plain = false;
    this.tell({
      type: "joined",
      session_id: session.session_id,
      epoch: session.epoch,
      resumed: session.resumed,
      messages: [...messages, ...this.arrived],
      has_more,
      continues,
      typing: session.typing,
      plain: false,
    });
    this.online(session.resumed || messages.length > 0, session.epoch, session.typing);
  }

  /** Take over an answer's session, token, epoch and cursor. */
  private enter(session: SessionAnswer): void {
    const token = session.session_token ?? this.session?.session_token ?? this.memory.get()?.session_token;
    const own = {
      session_id: session.session_id,
      epoch: session.epoch,
      ...(token === undefined ? {} : { session_token: token }),
    };
    const kept = this.session?.session_id === session.session_id && !session.gap;
    this.arrived = [];
    this.position = after(kept ? this.position : at(session.epoch, 0), session.epoch, session.messages);
    this.session = own;
    this.memory.set(own);
    const said = session.messages.flatMap((message) => (message.role === "user" ? [message.message_id] : []));
    this.sending.enter(own, said, this.position.cursor.seq);
  }

  private online(resumed: boolean, epoch: string, typing: boolean): void {
    this.phase = "ready";
    this.failures = 0;
    this.sending.hurry();
    this.tell({ type: "connection", status: "online" });
    this.setTyping(typing);
    this.sending.reload(this.memory.get());
    const initial = this.options.initial_payload;
    if (!resumed && initial !== undefined && initial !== "" && this.sending.isEmpty) {
      // One id per log: two tabs that open at once greet once.
      this.send(initial, { message_id: `initial:${epoch}` });
    }
    this.sending.flush();
  }

  /** Ask for everything after the cursor; one at a time. */
  private resync(timeout_ms = ANSWER_TIMEOUT_MS): Promise<void> {
    this.resyncing ??= this.resyncOnce(timeout_ms).finally(() => (this.resyncing = null));
    return this.resyncing;
  }

  private async resyncOnce(timeout_ms: number): Promise<void> {
    const join = this.joins;
    try {
      const answer = await this.request("session_request", this.sessionRequest(), timeout_ms);
      if (join !== this.joins || this.phase !== "ready") return;
      const error = readError(answer);
      if (error === null) await this.joined(answer, join);
      else this.joinRefused(error);
    } catch {
      if (join === this.joins && this.phase === "ready") this.retryConnection();
    }
  }

  /** No longer belong to any session; the next join starts from nothing. */
  private leave(): void {
    this.session = null;
    this.position = at("", 0);
    this.sending.interrupt();
    this.setTyping(false);
  }

  private async begin(event: "session_reset" | "session_erase"): Promise<void> {
    if (this.plain) {
      this.beginPlain();
      return;
    }
    const session_id = this.session?.session_id;
    if (session_id === undefined) throw new Error("no session yet");
    const answer = await this.ask(event, { session_id });
    const session = readSessionAnswer(answer);
    if (session === null) throw new Error("unreadable answer");
    this.startOver(session);
  }

  private startOver(session: SessionAnswer): void {
    this.leave();
    this.memory.forget(); // its token belongs to the old session
    this.joins += 1;
    void this.joined({ ok: true, ...session }, this.joins);
  }

  // -- plain servers ------------------------------------------------------------------------------------------

  private joinedPlain(payload: unknown): void {
    const session_id = confirmedId(payload) ?? this.memory.get()?.session_id ?? this.ports.chance.id();
    const first = !this.plain || this.session?.session_id !== session_id;
    this.plain = true;
    this.joins += 1; // outdates the request that will never be answered
    this.session = { session_id, epoch: "" };
    this.memory.set(this.session);
    this.sending.enter(this.session, [], 0);
    const messages = this.plainLog.load(session_id);
    this.tell({
      type: "joined",
      session_id,
      epoch: "",
      resumed: messages.length > 0,
      messages,
      has_more: false,
      continues: !first,
      typing: false,
      plain: true,
    });
    this.online(messages.length > 0, session_id, false);
  }

  private beginPlain(): void {
    this.plainLog.clear();
    this.memory.forget();
    this.leave();
    this.reconnect();
  }

  private sayPlain(entry: OutboxEntry): void {
    const metadata = entry.metadata ?? {};
    this.ports.transport.emit(this.options.user_message_event ?? "user_uttered", {
      message: entry.message,
      session_id: entry.session_id,
      ...(entry.metadata === undefined ? {} : { [this.options.plain_metadata_key ?? "metadata"]: metadata }),
    });
    this.tell({ type: "message", message: this.plainLog.user(entry, this.ports.clock.now()) });
    this.setTyping(true);
  }

  // -- what the server says -----------------------------------------------------------------------------------

  private receive(event: string, payload: unknown): void {
    if (event === "session_confirm") {
      if (this.phase === "joining") this.joinedPlain(payload);
      return;
    }
    if (this.plain) {
      if (event === (this.options.bot_message_event ?? "bot_uttered")) {
        this.setTyping(false);
        this.tell({ type: "message", message: this.plainLog.bot(payload, this.ports.clock.now()) });
      }
      return;
    }
    if (event === "bot_uttered") this.live(readMessage(payload, "bot"));
    else if (event === "user_uttered") this.live(readMessage(payload, "user"));
    else if (event === "bot_typing") this.setTyping(isObject(payload) && payload["on"] === true);
    else if (event === "session_changed") this.sessionChanged(payload);
    else if (event === "token_expiring") this.tokenExpiring();
    else if (event === "error") this.errorEvent(payload);
  }

  private live(message: Message | null): void {
    // The answer to session_request is the first thing a socket receives; anything before is not ours.
    if (message === null || this.session === null) return;
    const { position, outcome } = advance(this.position, message);
    this.position = position;
    if (message.role === "bot") this.setTyping(false);
    if (outcome !== "known") {
      if (this.phase !== "ready" || this.resyncing !== null) this.arrived.push(message);
      this.tell({ type: "message", message });
    }
    if (message.role === "user") this.sending.echoed(message.message_id);
    if (outcome === "gap" && this.phase === "ready") void this.resync();
  }

  private setTyping(on: boolean): void {
    const was = this.typingTimer !== null;
    this.ports.clock.stop(this.typingTimer);
    this.typingTimer = null;
    if (on) this.typingTimer = this.ports.clock.start(TYPING_TIMEOUT_MS, () => this.setTyping(false));
    if (on !== was) this.tell({ type: "typing", on });
  }

  private sessionChanged(payload: unknown): void {
    if (!isObject(payload)) return;
    const { reason, session_id, session_token, epoch } = payload;
    if (reason === "expired" || reason === "revoked") {
      this.tell({ type: "notice", notice: { code: `token_${reason}`, message: "" } });
      this.reconnect(); // with a new token, if the page has one
      return;
    }
    if (typeof session_id !== "string") return;
    if (session_id === this.session?.session_id && epoch === this.session.epoch) return; // it was us
    this.tell({ type: "notice", notice: { code: `session_${String(reason)}`, message: "" } });
    this.memory.set({
      session_id,
      ...(typeof session_token === "string" ? { session_token } : {}),
      ...(typeof epoch === "string" ? { epoch } : {}),
    });
    this.leave();
    this.join();
  }

  private tokenExpiring(): void {
    this.refreshToken().catch(() => {
      this.tell({ type: "notice", notice: { code: "token_refresh_failed", message: "" } });
    });
  }

  private errorEvent(payload: unknown): void {
    const error = readError({ error: payload });
    if (error === null) return;
    const about =
      isObject(payload) && typeof payload["message_id"] === "string" ? payload["message_id"] : undefined;
    // A socket that has not joined yet is told of a refusal twice: the acknowledgement says it, and what follows from it.
    if (about === undefined && this.phase !== "ready") return;
    this.setTyping(false);
    // An action failed, and the bot has said so in the message of this number.
    if (isObject(payload) && typeof payload["seq"] === "number") return;
    this.tell({
      type: "notice",
      notice: {
        code: error.code,
        message: error.message,
        ...(about === undefined ? {} : { message_id: about }),
      },
    });
  }

  // -- odds and ends ------------------------------------------------------------------------------------------

  private async page(before: number, limit: number): Promise<PageAnswer> {
    if (this.sessionId === null || this.plain) throw new Error("no session yet, or a server without history");
    return readPage(await this.ask("history_request", { session_id: this.sessionId, before, limit }));
  }

  /** What travels is what the schema says; what comes back is read before it is believed. */
  private request<Name extends keyof Requests>(
    name: Name,
    payload: Requests[Name]["payload"],
    timeout_ms = ANSWER_TIMEOUT_MS,
  ): Promise<unknown> {
    return this.ports.transport.request(name, payload, timeout_ms);
  }

  private async ask<Name extends keyof Requests>(
    name: Name,
    payload: Requests[Name]["payload"],
  ): Promise<unknown> {
    const answer = await this.request(name, payload);
    const error = readError(answer);
    if (error !== null) throw new RequestRefused(error);
    return answer;
  }

  private tell(event: ClientEvent): void {
    for (const listener of [...this.listeners]) listener(event);
  }
}

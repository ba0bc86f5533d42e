/**
 * One visitor's conversation with one server: the entry point of `@manent/client`.
 *
 * Owns the connection, the outbox, the session and the dialect in use, and passes events between them. Called by
 * `ui/chat.ts` and by custom chats. Must not use the DOM, a clock or a socket directly (see `ports.ts`). It does not
 * keep a list of messages; `state/state.ts` builds this list from the events.
 */

import { Connection } from "./connection";
import { Delivery } from "./delivery";
import type { Conversation, Dialect, Joined } from "./dialects/dialect";
import { Plain, type PlainOptions } from "./dialects/plain";
import { Protocol1 } from "./dialects/protocol1";
import type { ClientEvent } from "./events";
import type { Chance, Clock, KeyValueStore, Network, Transport } from "./ports";
import { SessionMemory, type JoinedSession } from "./session";
import { Typing } from "./typing";
import { readUpload, uploadForm, type Uploader, type UploadOptions } from "./upload";
import { PAGE_LIMIT, type Attachment, type JsonObject, type Message, type SessionSummary } from "./wire";

export { RequestRefused } from "./connection";

/** Time limit for a response after the page was suspended, because the connection can be dead without an event. */
export const WAKE_TIMEOUT_MS = 4_000;

export interface ClientPorts {
  transport: Transport;
  clock: Clock;
  store: KeyValueStore;
  network: Network;
  chance: Chance;
  /** Sends files. Without it, `upload` rejects. */
  uploader?: Uploader;
}

export interface ClientOptions extends PlainOptions {
  /** Prefix of stored keys. It differs between servers, so that two chats on one site do not share a conversation. */
  scope: string;
  /** Use this conversation instead of the stored one. */
  session_id?: string;
  session_token?: string;
  /** Return a JWT. The client calls this each time it needs a token. */
  token?: () => Promise<string | null | undefined> | string | null | undefined;
  /** Message that is sent when a conversation starts. A payload without a title (`/greet`) is not shown. */
  initial_payload?: string;
  /** Return the metadata for a message. The client calls this for each message. */
  metadata?: () => JsonObject;
  /** Number of log events in a page. Default: 50. */
  limit?: number;
  /** What the page understands beyond the first version of the protocol: `agent` for messages of operators. */
  accepts?: readonly string[];
}

export class ConversationClient {
  private readonly connection: Connection;
  private readonly delivery: Delivery;
  private readonly memory: SessionMemory;
  private readonly typing: Typing;
  private readonly protocol1: Protocol1;
  private readonly plain: Plain;
  private dialect: Dialect;
  private readonly limit: number;
  private readonly listeners = new Set<(event: ClientEvent) => void>();
  private readonly watches: (() => void)[] = [];

  constructor(
    private readonly ports: ClientPorts,
    private readonly options: ClientOptions,
  ) {
    const { scope, session_id, session_token } = options;
    const report = (event: ClientEvent): void => this.report(event);
    this.limit = options.limit ?? PAGE_LIMIT;
    this.memory = new SessionMemory(ports.store, scope);
    if (session_id !== undefined && this.memory.get()?.session_id !== session_id)
      this.memory.set({ session_id, ...(session_token === undefined ? {} : { session_token }) });
    this.typing = new Typing(ports.clock, (on) => report({ type: "typing", on }));
    this.connection = new Connection(
      ports,
      {
        connected: () => this.join(),
        lost: () => this.interrupt(),
        received: (event, payload) => this.receive(event, payload),
        woke: () => this.dialect.resync(WAKE_TIMEOUT_MS),
      },
      async () => options.token?.(),
      report,
    );
    this.delivery = new Delivery(this.connection, this.memory, () => this.dialect, ports, scope, report);
    const conversation: Conversation = {
      connection: this.connection,
      memory: this.memory,
      typing: this.typing,
      limit: this.limit,
      accepts: options.accepts ?? [],
      report,
      entered: (session, message_ids, seq) => this.entered(session, message_ids, seq),
      echoed: (message_id) => this.delivery.echoed(message_id),
      joined: (dialect, event) => this.joined(dialect, event),
      leave: () => this.leave(),
      join: () => this.join(),
      forget: () => this.forget(),
      refreshToken: () => this.refreshToken(),
    };
    this.protocol1 = new Protocol1(conversation);
    this.plain = new Plain(conversation, ports, scope, options);
    this.dialect = this.protocol1;
  }

  /** Call `listener` with every new event. Returns a function that unsubscribes it. */
  subscribe(listener: (event: ClientEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The conversation's id, or null before the first join. */
  get sessionId(): string | null {
    return this.memory.joined?.session_id ?? null;
  }

  start(): void {
    if (this.connection.phase !== "closed") return;
    this.watches.push(
      this.ports.network.watch((change) => this.connection.networkChanged(change)),
      this.ports.store.watch((key) => this.storeChanged(key)),
    );
    this.delivery.report();
    this.connection.open();
  }

  stop(): void {
    for (const unwatch of this.watches.splice(0)) unwatch();
    this.typing.stop();
    this.delivery.stop();
    this.connection.close();
  }

  // -- what a visitor does ------------------------------------------------------------------------------------

  /**
   * Store a message in the outbox, and send it until the server acknowledges it. Returns its id.
   *
   * With `attachments`, the results of `upload`, the text can be empty.
   */
  send(
    message: string,
    extra: {
      title?: string;
      metadata?: JsonObject;
      message_id?: string;
      attachments?: readonly Attachment[];
    } = {},
  ): string {
    const message_id = extra.message_id ?? this.ports.chance.id();
    const metadata = { ...this.options.metadata?.(), ...extra.metadata };
    this.delivery.write(message_id, message, extra.title, metadata, extra.attachments);
    return message_id;
  }

  /**
   * Upload a file for the next message. The server removes the file after an hour unless a message names it.
   *
   * Rejects with `RequestRefused` if the server does not accept the file (`files_off`, `file_too_large`,
   * `file_type_refused`, `file_refused`, `too_many_files`), with an `AbortError` if it was cancelled, and with a
   * `TypeError` if the connection was lost.
   */
  async upload(file: Blob, { name, ...options }: UploadOptions = {}): Promise<Attachment> {
    const session = this.memory.joined;
    const { uploader } = this.ports;
    if (session === null || uploader === undefined)
      throw new TypeError("no conversation has been joined yet");
    const token = (await this.options.token?.()) ?? null;
    return readUpload(await uploader(uploadForm(session, file, name), token, options));
  }

  /** Send a failed message again. */
  retry(message_id: string): void {
    this.delivery.retry(message_id);
  }

  /** Delete a message that was not sent. */
  discard(message_id: string): void {
    this.delivery.discard(message_id);
  }

  /** Fetch the page before message number `before`. The result is an `older` or an `older_failed` event. */
  async loadOlder(before: number): Promise<void> {
    const asked = this.memory.joined;
    let event: ClientEvent;
    try {
      const page = await this.dialect.older(before, this.limit);
      event = { type: "older", messages: page.messages, has_more: page.has_more };
    } catch {
      event = { type: "older_failed" };
    }
    // The visitor may have left the conversation, or erased it, in the meantime.
    const { joined } = this.memory;
    if (joined?.session_id === asked?.session_id && joined?.epoch === asked?.epoch) this.report(event);
  }

  /** Read the messages of event `seq` again, whose links to files are valid from now on. */
  async reread(seq: number): Promise<readonly Message[]> {
    const page = await this.dialect.older(seq + 1, 1);
    return page.messages.filter((message) => message.seq === seq);
  }

  /** Start a new conversation. The server keeps the old one. */
  async reset(): Promise<void> {
    await this.dialect.begin("session_reset");
  }

  /** Erase this conversation on the server and in this browser. */
  async erase(): Promise<void> {
    await this.dialect.begin("session_erase");
  }

  /** List the visitor's conversations, newest first. Rejects on plain servers. */
  async list(): Promise<SessionSummary[]> {
    return this.dialect.list();
  }

  /**
   * Rate the conversation from 1 to 5, or the message with the number `of`. Rejects on plain servers and without a
   * connection.
   */
  async rate(score: number, extra: { comment?: string; of?: number } = {}): Promise<void> {
    await this.dialect.rate(score, extra.comment, extra.of);
  }

  /** Show the operator that the visitor types, or has stopped. Does nothing without a connection. */
  userTyping(on: boolean): void {
    this.dialect.userTyping(on).catch(() => undefined);
  }

  /** Change to another conversation of this visitor. */
  open(session_id: string, session_token?: string): void {
    this.memory.set({ session_id, ...(session_token === undefined ? {} : { session_token }) });
    this.leave();
    this.join();
  }

  /** Remove the session from this browser, for log-out, and start a new one. The server keeps the conversation. */
  forget(): void {
    this.memory.forget();
    this.plain.forget();
    this.delivery.clear();
    this.leave();
    this.report({ type: "left" });
    this.delivery.report();
    if (this.connection.phase === "joining" || this.connection.phase === "ready") this.join();
  }

  /** Fetch a new token from the page and send it over the existing connection. */
  async refreshToken(): Promise<void> {
    const token = await this.options.token?.();
    if (typeof token === "string" && this.connection.phase === "ready")
      await this.dialect.refreshToken(token);
  }

  /** Drop the connection and open a new one, with a new token if one is configured. */
  reconnect(): void {
    this.connection.reconnect();
  }

  // -- joining and leaving ------------------------------------------------------------------------------------

  private join(): void {
    const { connection, memory } = this;
    if (connection.phase === "closed" || connection.phase === "waiting") return;
    const stored = memory.get();
    // Another tab may have changed the conversation while this one had no connection.
    if (memory.joined !== null && stored !== null && stored.session_id !== memory.joined.session_id)
      this.leave();
    connection.phase = "joining";
    void this.protocol1.join();
  }

  private entered(session: JoinedSession, message_ids: readonly string[], seq: number): void {
    if (this.memory.joined !== null && this.memory.get() === null) this.delivery.restore();
    this.memory.enter(session);
    this.delivery.enter(session, message_ids, seq);
  }

  private joined(dialect: Dialect, event: Joined): void {
    this.dialect = dialect;
    this.report(event);
    this.connection.ready();
    this.delivery.hurry();
    this.report({ type: "connection", status: "online" });
    this.typing.set(event.typing);
    this.delivery.reload();
    const { initial_payload } = this.options;
    const isNew = !event.resumed && event.messages.length === 0;
    if (isNew && initial_payload !== undefined && initial_payload !== "" && this.delivery.isEmpty) {
      // The id depends only on the log, so two tabs that open at the same time send the message once.
      this.send(initial_payload, { message_id: `initial:${event.epoch || event.session_id}` });
    }
    this.delivery.flush();
  }

  private leave(): void {
    this.memory.joined = null;
    this.protocol1.leave();
    this.plain.leave();
    this.delivery.interrupt();
    this.typing.set(false);
  }

  private interrupt(): void {
    this.delivery.interrupt();
    this.protocol1.interrupt();
    this.typing.set(false);
  }

  // -- events -------------------------------------------------------------------------------------------------

  private receive(event: string, payload: unknown): void {
    if (event !== "session_confirm") this.dialect.receive(event, payload);
    else if (this.connection.phase === "joining") this.plain.confirmed(payload);
  }

  private storeChanged(key: string): void {
    if (this.delivery.owns(key)) this.delivery.reload();
    else if (this.memory.owns(key)) this.dialect.sessionStored();
  }

  private report(event: ClientEvent): void {
    for (const listener of [...this.listeners]) listener(event);
  }
}

/**
 * Protocol 1: numbered messages, acknowledgements, history, and catching up after an outage.
 *
 * Owns the cursor, the messages that arrive while a gap is being filled, and the running resync. Called by the client.
 * Must not open connections or keep the list of messages; listeners do that.
 */

import { ANSWER_TIMEOUT_MS } from "../connection";
import { advance, after, at, type Position } from "../cursor";
import { fillGap } from "../gap";
import type { OutboxEntry } from "../outbox";
import type { JoinedSession } from "../session";
import {
  isAnswer,
  isObject,
  PROTOCOL,
  readError,
  readHandler,
  readMessage,
  readPage,
  readSessionAnswer,
  readSessions,
  type Message,
  type PageAnswer,
  type SessionAnswer,
  type SessionRequest,
  type SessionSummary,
  UNREADABLE_ANSWER,
  type WireError,
} from "../wire";
import type { Conversation, Dialect } from "./dialect";

/** Error codes for a session that this visitor may not use, although a new session is allowed. */
const SESSION_REFUSED = new Set(["forbidden", "bad_session_id"]);

/**
 * Maximum size of a message request in UTF-16 units, each of at most three bytes. The server closes a connection that
 * sends a packet of 2 MB, so a larger message would be retried forever and block the following messages.
 */
const MAX_REQUEST_LENGTH = 600_000;

const NO_SESSION = "no conversation has been joined yet";

export class Protocol1 implements Dialect {
  readonly acknowledges = true;
  private position: Position = at("", 0);
  /** Live messages since the last response. They must not be lost when a response replaces the list. */
  private arrived: Message[] = [];
  private resyncing: Promise<void> | null = null;
  /** Whether a live message arrived before the answer that names its session. */
  private isEarly = false;
  /** Whether a reset or an erase is running. A later request for the old session would make the server return to it. */
  private isBeginning = false;

  constructor(private readonly conversation: Conversation) {}

  get seen(): number {
    return this.position.cursor.seq;
  }

  // -- joining ------------------------------------------------------------------------------------------------

  /** Request the stored conversation, or a new one. This is also the first event that a plain server receives. */
  async join(): Promise<void> {
    const { connection, memory } = this.conversation;
    const attempt = (connection.attempt += 1);
    const request = this.sessionRequest();
    this.isEarly = false;
    let answer: unknown;
    try {
      answer = await connection.request("session_request", request);
    } catch {
      if (attempt === connection.attempt && connection.phase === "joining") connection.retry();
      return;
    }
    if (attempt !== connection.attempt || connection.phase !== "joining") return;
    if (!isAnswer(answer)) return; // a plain server sends an empty acknowledgement and session_confirm
    const error = readError(answer);
    const stored = memory.get();
    if (error !== null) this.refused(error);
    else if (stored !== null && stored.session_id !== request.session_id)
      this.conversation.join(); // another tab has started or opened a conversation in the meantime; use that one
    else {
      await this.answered(readSessionAnswer(answer), attempt);
      if (this.isEarly) this.resync();
    }
  }

  /** Fetch all messages after the cursor. Concurrent calls share one request. */
  resync(timeout_ms = ANSWER_TIMEOUT_MS): void {
    if (this.conversation.connection.phase !== "ready" || this.isBeginning) return;
    this.resyncing ??= this.resyncOnce(timeout_ms).finally(() => (this.resyncing = null));
  }

  /** Delete the cursor, so that the next join loads the newest page. */
  leave(): void {
    this.position = at("", 0);
  }

  /** The connection was lost, so a running resync gets no response. */
  interrupt(): void {
    this.resyncing = null;
  }

  sessionStored(): void {
    const { connection, memory } = this.conversation;
    // Another tab has changed the conversation, or two tabs started one at the same time. All tabs use the stored one.
    const stored = memory.get();
    if (stored === null) {
      // The visitor has signed out in another tab. This tab must not store the session again, and needs another token.
      if (memory.joined === null) return;
      connection.reconnect(); // first, because the next conversation is not the previous visitor's
      this.conversation.forget();
    } else if (connection.phase === "ready" && stored.session_id !== memory.joined?.session_id) this.rejoin();
  }

  private sessionRequest(): SessionRequest {
    const { joined } = this.conversation.memory;
    const stored = this.conversation.memory.get();
    const session_id = joined?.session_id ?? stored?.session_id;
    const token = joined?.session_token ?? stored?.session_token;
    return {
      protocol: PROTOCOL,
      ...(session_id === undefined ? {} : { session_id }),
      ...(token === undefined ? {} : { session_token: token }),
      ...(joined === null ? {} : { cursor: { ...this.position.cursor } }),
      limit: this.conversation.limit,
      ...this.accepted(),
    };
  }

  private accepted(): { accepts?: readonly string[] } {
    const { accepts } = this.conversation;
    return accepts.length === 0 ? {} : { accepts };
  }

  private async resyncOnce(timeout_ms: number): Promise<void> {
    const { connection } = this.conversation;
    const { attempt } = connection;
    try {
      const answer = await connection.request("session_request", this.sessionRequest(), timeout_ms);
      if (attempt !== connection.attempt || connection.phase !== "ready") return;
      const error = readError(answer);
      if (error === null) await this.answered(readSessionAnswer(answer), attempt);
      else this.refused(error);
    } catch {
      if (attempt === connection.attempt && connection.phase === "ready") connection.retry();
    }
  }

  private refused(error: WireError): void {
    const { connection, memory } = this.conversation;
    if (error.retry_after === undefined && SESSION_REFUSED.has(error.code) && memory.get() !== null) {
      // The stored session belongs to another visitor. Start a new one and show a notice.
      memory.forget();
      this.conversation.leave();
      this.notice("session_lost", error.message);
      this.conversation.join();
      return;
    }
    connection.retry({ code: error.code, message: error.message }, error.retry_after);
  }

  private async answered(session: SessionAnswer | null, attempt: number): Promise<void> {
    if (session === null) {
      this.refused(UNREADABLE_ANSWER);
      return;
    }
    const { connection, memory } = this.conversation;
    let { messages, has_more } = session;
    const known = this.position.cursor;
    const isSameLog = memory.joined?.session_id === session.session_id && known.epoch === session.epoch;
    let continues = isSameLog && !session.gap;
    // Move the cursor first: live events that arrive while a gap is being filled are compared with the new cursor.
    this.enter(session);
    if (isSameLog && session.gap && known.seq > 0) {
      const filled = await fillGap(known.seq, messages, has_more, (before, limit) =>
        this.older(before, limit),
      );
      if (attempt !== connection.attempt) return;
      ({ messages, has_more, continues } = filled);
    }
    this.conversation.joined(this, {
      type: "joined",
      session_id: session.session_id,
      epoch: session.epoch,
      resumed: session.resumed,
      messages: [...messages, ...this.arrived],
      has_more,
      continues,
      typing: session.typing,
      plain: false,
      files: session.files ?? null,
    });
    this.handler(session);
  }

  /** Use the session, token, epoch and cursor of a response. */
  private enter(session: SessionAnswer): void {
    const { memory } = this.conversation;
    const { session_id, epoch, messages } = session;
    const known = memory.joined ?? memory.get();
    const token =
      session.session_token ?? (known?.session_id === session_id ? known.session_token : undefined);
    const continues = memory.joined?.session_id === session_id && !session.gap;
    this.arrived = [];
    this.position = after(continues ? this.position : at(epoch, 0), epoch, messages);
    this.conversation.entered(
      { session_id, epoch, ...(token === undefined ? {} : { session_token: token }) },
      messages.flatMap((message) => (message.role === "user" ? [message.message_id] : [])),
      this.seen,
    );
  }

  // -- requests -----------------------------------------------------------------------------------------------

  async send(entry: OutboxEntry, session: JoinedSession): Promise<unknown> {
    const payload = {
      session_id: entry.session_id ?? session.session_id,
      ...(entry.epoch === null ? {} : { epoch: entry.epoch }),
      message: entry.message,
      ...(entry.title === undefined ? {} : { title: entry.title }),
      message_id: entry.message_id,
      ...(entry.metadata === undefined ? {} : { metadata: entry.metadata }),
      ...(entry.attachments === undefined
        ? {}
        : { attachments: entry.attachments.map(({ file_id }) => file_id) }),
    };
    if (JSON.stringify(payload).length > MAX_REQUEST_LENGTH)
      return { error: { code: "too_long", message: "message larger than a server accepts" } };
    return this.conversation.connection.request("user_uttered", payload);
  }

  async older(before: number, limit: number): Promise<PageAnswer> {
    const { connection, memory } = this.conversation;
    if (memory.joined === null) throw new Error(NO_SESSION);
    const { session_id } = memory.joined;
    const accepted = this.accepted();
    return readPage(await connection.ask("history_request", { session_id, before, limit, ...accepted }));
  }

  async list(): Promise<SessionSummary[]> {
    return readSessions(await this.conversation.connection.ask("session_list", {}));
  }

  async begin(request: "session_reset" | "session_erase"): Promise<void> {
    const { connection, memory } = this.conversation;
    if (memory.joined === null) throw new Error(NO_SESSION);
    const { session_id } = memory.joined;
    const { attempt } = connection;
    let session: SessionAnswer | null;
    this.isBeginning = true;
    try {
      session = readSessionAnswer(await connection.ask(request, { session_id, ...this.accepted() }));
      if (session === null) throw new Error(UNREADABLE_ANSWER.message);
    } catch (error) {
      this.isBeginning = false;
      this.resync();
      throw error;
    }
    this.isBeginning = false;
    if (attempt !== connection.attempt) return; // the client has joined another conversation since
    this.conversation.leave();
    await this.answered(session, (connection.attempt += 1));
  }

  async refreshToken(token: string): Promise<void> {
    await this.conversation.connection.ask("token_refresh", { token });
  }

  async rate(score: number, comment?: string, of?: number): Promise<void> {
    const { connection, memory } = this.conversation;
    if (memory.joined === null) throw new Error(NO_SESSION);
    const { session_id, epoch } = memory.joined;
    await connection.ask("rate", {
      session_id,
      ...(epoch === undefined ? {} : { epoch }),
      score,
      ...(comment === undefined ? {} : { comment }),
      ...(of === undefined ? {} : { of }),
    });
  }

  async userTyping(on: boolean): Promise<void> {
    const { connection, memory } = this.conversation;
    if (memory.joined === null) throw new Error(NO_SESSION);
    await connection.ask("user_typing", { session_id: memory.joined.session_id, on });
  }

  // -- events from the server ---------------------------------------------------------------------------------

  receive(event: string, payload: unknown): void {
    if (event === "bot_uttered") this.message(readMessage(payload, "bot"));
    else if (event === "user_uttered") this.message(readMessage(payload, "user"));
    else if (event === "agent_uttered") this.message(readMessage(payload, "agent"));
    else if (event === "handler_changed") this.handler(payload);
    else if (event === "agent_typing")
      this.conversation.report({ type: "agent_typing", on: isObject(payload) && payload["on"] === true });
    else if (event === "bot_typing")
      this.conversation.typing.set(isObject(payload) && payload["on"] === true);
    else if (event === "session_changed") this.sessionChanged(payload);
    else if (event === "token_expiring")
      this.conversation.refreshToken().catch(() => this.notice("token_refresh_failed"));
    else if (event === "error") this.error(payload);
  }

  private message(message: Message | null): void {
    const { connection, memory, typing } = this.conversation;
    if (message === null) return;
    if (memory.joined === null) {
      // The message belongs to the previous session, or to the next one if a response of long polling contains the
      // answer and the message: the code that awaits the answer runs after all packets of the response.
      this.isEarly = true;
      return;
    }
    const { position, outcome } = advance(this.position, message);
    this.position = position;
    if (message.role !== "user") typing.set(false);
    if (outcome !== "known") {
      if (connection.phase !== "ready" || this.resyncing !== null) this.arrived.push(message);
      this.conversation.report({ type: "message", message });
    }
    if (message.role === "user") this.conversation.echoed(message.message_id);
    if (outcome === "gap") this.resync();
  }

  private handler(value: unknown): void {
    const changed = readHandler(value);
    if (changed !== null) this.conversation.report({ type: "handler", ...changed });
  }

  private sessionChanged(payload: unknown): void {
    if (!isObject(payload)) return;
    const { connection, memory } = this.conversation;
    const { reason, session_id, session_token, epoch } = payload;
    if (reason === "expired" || reason === "revoked") {
      this.notice(`token_${reason}`);
      connection.reconnect(); // with a new token, if the page has one
      return;
    }
    if (typeof session_id !== "string") return;
    // This tab has made the change.
    if (session_id === memory.joined?.session_id && epoch === memory.joined.epoch) return;
    this.notice(`session_${String(reason)}`);
    memory.set({
      session_id,
      ...(typeof session_token === "string" ? { session_token } : {}),
      ...(typeof epoch === "string" ? { epoch } : {}),
    });
    this.rejoin();
  }

  private error(payload: unknown): void {
    const error = readError({ error: payload });
    if (error === null || !isObject(payload)) return;
    const { message_id, seq } = payload;
    const about = typeof message_id === "string" ? { message_id } : {};
    // Before the join is complete, the acknowledgement of session_request carries the same error.
    if (typeof message_id !== "string" && this.conversation.connection.phase !== "ready") return;
    this.conversation.typing.set(false);
    // An error with `seq` is a failed action, which that message of the assistant already reports.
    if (typeof seq === "number") return;
    this.notice(error.code, error.message, about);
  }

  private rejoin(): void {
    this.conversation.leave();
    this.conversation.join();
  }

  private notice(code: string, message = "", about: { message_id?: string } = {}): void {
    this.conversation.report({ type: "notice", notice: { code, message, ...about } });
  }
}

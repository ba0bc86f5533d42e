/**
 * Rasa's own Socket.IO protocol, for servers without protocol 1.
 *
 * Such a server confirms a session with `session_confirm`, acknowledges nothing and keeps no history, so the history
 * is kept in this browser. Owns that history. Called by the client. Must not be used once a server has answered in
 * protocol 1.
 */

import type { OutboxEntry } from "../outbox";
import type { Chance, Clock, KeyValueStore } from "../ports";
import { isObject, type PageAnswer, type SessionSummary } from "../wire";
import type { Conversation, Dialect } from "./dialect";
import { PlainLog } from "./plain_log";

/** The names that a plain server can change in its `credentials.yml`. */
export interface PlainOptions {
  /** The key for metadata. Default: `metadata`. */
  plain_metadata_key?: string;
  /** The event for the visitor's messages. Default: `user_uttered`. */
  user_message_event?: string;
  /** The event for the assistant's messages. Default: `bot_uttered`. */
  bot_message_event?: string;
}

/** Return the session id from a `session_confirm`, which is a string or an object with a `session_id`. */
export function confirmedId(payload: unknown): string | null {
  if (typeof payload === "string") return payload;
  if (isObject(payload) && typeof payload["session_id"] === "string") return payload["session_id"];
  return null;
}

export class Plain implements Dialect {
  readonly acknowledges = false;
  readonly seen = 0;
  private readonly log: PlainLog;
  /** The session whose history the listeners have received. */
  private shown: string | null = null;

  constructor(
    private readonly conversation: Conversation,
    private readonly ports: { clock: Clock; store: KeyValueStore; chance: Chance },
    scope: string,
    private readonly options: PlainOptions,
  ) {
    this.log = new PlainLog(ports.store, scope);
  }

  /** The server has confirmed the session: show its history and start sending. */
  confirmed(payload: unknown): void {
    const { connection, memory } = this.conversation;
    const session_id = confirmedId(payload) ?? memory.get()?.session_id ?? this.ports.chance.id();
    const continues = this.shown === session_id;
    this.shown = session_id;
    connection.attempt += 1; // a plain server never answers the session_request
    const session = { session_id, epoch: "" };
    this.conversation.entered(session, [], 0);
    const messages = this.log.load(session_id);
    this.conversation.joined(this, {
      type: "joined",
      session_id,
      epoch: "",
      resumed: messages.length > 0,
      messages,
      has_more: false,
      continues,
      typing: false,
      plain: true,
      files: null,
    });
  }

  /** Leave the session. Its history remains stored. */
  leave(): void {
    this.shown = null;
  }

  /** Delete the history in this browser. */
  forget(): void {
    this.log.clear();
  }

  async send(entry: OutboxEntry): Promise<null> {
    const { connection, typing } = this.conversation;
    connection.emit(this.options.user_message_event ?? "user_uttered", {
      message: entry.message,
      session_id: entry.session_id,
      ...(entry.metadata === undefined
        ? {}
        : { [this.options.plain_metadata_key ?? "metadata"]: entry.metadata }),
    });
    this.conversation.report({ type: "message", message: this.log.addUser(entry, this.ports.clock.now()) });
    typing.set(true);
    return null;
  }

  receive(event: string, payload: unknown): void {
    if (event !== (this.options.bot_message_event ?? "bot_uttered")) return;
    this.conversation.typing.set(false);
    this.conversation.report({ type: "message", message: this.log.addBot(payload, this.ports.clock.now()) });
  }

  async begin(): Promise<void> {
    const { connection, memory } = this.conversation;
    this.log.clear();
    memory.forget();
    this.conversation.leave();
    connection.reconnect();
  }

  older(): Promise<PageAnswer> {
    return unsupported("keeps no history");
  }

  list(): Promise<SessionSummary[]> {
    return unsupported("cannot list conversations");
  }

  refreshToken(): Promise<void> {
    return unsupported("cannot take a new token; reconnect instead");
  }

  rate(): Promise<void> {
    return unsupported("takes no ratings");
  }

  userTyping(): Promise<void> {
    return unsupported("does not show that the visitor types");
  }

  resync(): void {
    // A plain server has no history from which missed messages could be fetched.
  }

  sessionStored(): void {
    // A plain server confirms a session to each tab, so tabs do not follow each other.
  }
}

function unsupported(what: string): Promise<never> {
  return Promise.reject(new Error(`this server ${what}: it speaks Rasa's protocol only`));
}

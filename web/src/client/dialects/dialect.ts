/**
 * The interfaces between the client and the protocols of the two kinds of servers.
 *
 * `Dialect` is the part of a protocol that the client uses. `Conversation` is the part of the client that a dialect
 * uses. Holds types only.
 */

import type { Connection } from "../connection";
import type { ClientEvent } from "../events";
import type { OutboxEntry } from "../outbox";
import type { JoinedSession, SessionMemory } from "../session";
import type { Typing } from "../typing";
import type { PageAnswer, SessionSummary } from "../wire";

export interface Dialect {
  /** Whether the server acknowledges messages. If not, a message counts as delivered once it is sent. */
  readonly acknowledges: boolean;
  /** The number up to which this client has seen the log, or 0 if the server does not number messages. */
  readonly seen: number;
  /** Send a message and resolve with the server's response, or with null if this server never responds. */
  send(entry: OutboxEntry, session: JoinedSession): Promise<unknown>;
  /** Handle an event from the server. */
  receive(event: string, payload: unknown): void;
  /** Fetch the page of messages before number `before`. */
  older(before: number, limit: number): Promise<PageAnswer>;
  list(): Promise<SessionSummary[]>;
  /** Start a new conversation, or erase this one. */
  begin(request: "session_reset" | "session_erase"): Promise<void>;
  refreshToken(token: string): Promise<void>;
  /** Rate the conversation, or the message with the number `of`, from 1 to 5. */
  rate(score: number, comment?: string, of?: number): Promise<void>;
  /** Show the operator whether the visitor types. */
  userTyping(on: boolean): Promise<void>;
  /** Fetch missed messages, and find out within `timeout_ms` whether the connection is alive. */
  resync(timeout_ms?: number): void;
  /** Another tab has stored or removed a session. */
  sessionStored(): void;
}

export type Joined = Extract<ClientEvent, { type: "joined" }>;

/** The client, as its dialects see it. */
export interface Conversation {
  readonly connection: Connection;
  readonly memory: SessionMemory;
  readonly typing: Typing;
  /** Number of log events in a page. */
  readonly limit: number;
  /** What the page understands beyond the first version of the protocol. */
  readonly accepts: readonly string[];
  report(event: ClientEvent): void;
  /** The log contains `message_ids` and all messages up to `seq`. Remove these from the outbox. */
  entered(session: JoinedSession, message_ids: readonly string[], seq: number): void;
  /** The log contains this message. */
  echoed(message_id: string): void;
  /** The join is complete. From now on, the client uses `dialect`. */
  joined(dialect: Dialect, event: Joined): void;
  /** Leave the session in this tab. The next join starts without a cursor. */
  leave(): void;
  join(): void;
  /** Remove the session from this browser, and start a new one. */
  forget(): void;
  /** Fetch a new token from the page and send it over this connection. */
  refreshToken(): Promise<void>;
}

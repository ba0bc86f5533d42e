/**
 * The history of a conversation with a plain server, kept in this browser.
 *
 * A plain server does not number messages and returns no history. Therefore this module numbers messages in the order
 * of arrival and stores the newest messages. Called by `Plain`. Must not talk to the server.
 */

import type { KeyValueStore } from "../ports";
import {
  isObject,
  readMessages,
  writeMessage,
  type BotMessage,
  type JsonObject,
  type Message,
  type UserMessage,
} from "../wire";

/** Maximum number of stored messages, which need much less than a browser's limit of 5 MB. */
const MAX_STORED_MESSAGES = 200;

export class PlainLog {
  private messages: Message[] = [];
  private key: string;

  constructor(
    private readonly store: KeyValueStore,
    private readonly scope: string,
  ) {
    this.key = scope;
  }

  /** Return the stored history of a session, and delete that of any other session. */
  load(session_id: string): Message[] {
    const before = this.key;
    this.key = `${this.scope}:plain:${session_id}`;
    for (const key of this.store.keys(`${this.scope}:plain:`)) if (key !== this.key) this.store.remove(key);
    if (this.messages.length === 0 || this.key !== before) {
      try {
        this.messages = readMessages(JSON.parse(this.store.get(this.key) ?? "[]"));
      } catch {
        this.messages = []; // damaged: start with an empty history
      }
    }
    return [...this.messages];
  }

  /** Add a message of the visitor. */
  addUser(entry: { message: string; title?: string; message_id: string }, now_ms: number): UserMessage {
    const isPayload = entry.title === undefined && entry.message.startsWith("/");
    return this.add({
      ...this.nextNumbers(now_ms),
      role: "user",
      message: entry.message,
      message_id: entry.message_id,
      ...(entry.title === undefined ? {} : { title: entry.title }),
      ...(isPayload ? { payload: true } : {}),
    });
  }

  /** Add a message of the assistant. A value that is not an object is custom JSON. */
  addBot(payload: unknown, now_ms: number): BotMessage {
    const body = isObject(payload) ? (payload as JsonObject) : ({ custom: payload } as JsonObject);
    return this.add({ ...this.nextNumbers(now_ms), role: "bot", body });
  }

  clear(): void {
    this.messages = [];
    this.store.remove(this.key);
  }

  private nextNumbers(now_ms: number) {
    const prev = this.messages.at(-1)?.seq ?? 0;
    return { seq: prev + 1, id: `${prev + 1}.0`, parts: 1, prev, timestamp: now_ms / 1000 };
  }

  private add<M extends Message>(message: M): M {
    this.messages.push(message);
    this.store.set(this.key, JSON.stringify(this.messages.slice(-MAX_STORED_MESSAGES).map(writeMessage)));
    return message;
  }
}

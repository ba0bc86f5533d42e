/**
 * Talking to a server that knows Rasa's protocol only.
 *
 * Such a server sends no numbers and keeps no history for us, so messages are numbered here in the order of arrival
 * and the last of them are kept in the browser. Nothing of this is used once a server has answered in protocol 1.
 */

import type { KeyValueStore } from "./ports";
import {
  isObject,
  readMessages,
  writeMessage,
  type BotMessage,
  type JsonObject,
  type Message,
  type UserMessage,
} from "./wire";

/** Messages kept for the next visit: plenty to read, far below a browser's 5 MB. */
const KEPT_MESSAGES = 200;

/** The session id inside a `session_confirm`: a string, or an object that holds one. */
export function confirmedId(payload: unknown): string | null {
  if (typeof payload === "string") return payload;
  if (isObject(payload) && typeof payload["session_id"] === "string") return payload["session_id"];
  return null;
}

export class PlainLog {
  private messages: Message[] = [];
  private key: string;

  constructor(
    private readonly store: KeyValueStore,
    private readonly scope: string,
  ) {
    this.key = scope;
  }

  /** Take up the history of a session; another session's is forgotten. */
  load(session_id: string): Message[] {
    this.key = `${this.scope}:plain:${session_id}`;
    for (const key of this.store.keys(`${this.scope}:plain:`)) if (key !== this.key) this.store.remove(key);
    if (this.messages.length === 0) {
      try {
        this.messages = readMessages(JSON.parse(this.store.get(this.key) ?? "[]"));
      } catch {
        this.messages = []; // damaged: start afresh
      }
    }
    return [...this.messages];
  }

  user(entry: { message: string; title?: string; message_id: string }, now_ms: number): UserMessage {
    const bare = entry.title === undefined && entry.message.startsWith("/");
    return this.keep({
      ...this.next(now_ms),
      role: "user",
      message: entry.message,
      message_id: entry.message_id,
      ...(entry.title === undefined ? {} : { title: entry.title }),
      ...(bare ? { payload: true } : {}),
    });
  }

  bot(payload: unknown, now_ms: number): BotMessage {
    // Whatever is not an object is somebody's custom JSON.
    const body = isObject(payload) ? (payload as JsonObject) : ({ custom: payload } as JsonObject);
    return this.keep({ ...this.next(now_ms), role: "bot", body });
  }

  clear(): void {
    this.messages = [];
    this.store.remove(this.key);
  }

  private next(now_ms: number) {
    const prev = this.messages.at(-1)?.seq ?? 0;
    return { seq: prev + 1, id: `${prev + 1}.0`, parts: 1, prev, timestamp: now_ms / 1000 };
  }

  private keep<M extends Message>(message: M): M {
    this.messages.push(message);
    this.store.set(this.key, JSON.stringify(this.messages.slice(-KEPT_MESSAGES).map(writeMessage)));
    return message;
  }
}

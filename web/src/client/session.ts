/**
 * The session: the conversation that this tab has joined, and the stored conversation for the next visit and other
 * tabs.
 *
 * Owns one stored key. Called by the client and its dialects. Must not talk to the server.
 */

import type { KeyValueStore } from "./ports";
import { isObject } from "./wire";

/** A stored session. The token proves that the conversation belongs to this browser. */
export interface StoredSession {
  session_id: string;
  session_token?: string;
  epoch?: string;
}

/** A conversation that this tab has joined. `epoch` is `""` on plain servers. */
export interface JoinedSession extends StoredSession {
  epoch: string;
}

export class SessionMemory {
  /** The conversation that this tab has joined, or null before the first join. */
  joined: JoinedSession | null = null;
  private readonly key: string;

  constructor(
    private readonly store: KeyValueStore,
    scope: string,
  ) {
    this.key = `${scope}:session`;
  }

  /** Return whether a storage key is the session's. */
  owns(key: string): boolean {
    return key === this.key;
  }

  /** Read the stored session. Returns null if there is none or it is damaged. */
  get(): StoredSession | null {
    const raw = this.store.get(this.key);
    if (raw === null) return null;
    try {
      const value: unknown = JSON.parse(raw);
      if (!isObject(value) || typeof value["session_id"] !== "string") return null;
      const session: StoredSession = { session_id: value["session_id"] };
      if (typeof value["session_token"] === "string") session.session_token = value["session_token"];
      if (typeof value["epoch"] === "string") session.epoch = value["epoch"];
      return session;
    } catch {
      return null; // damaged: the next join starts a new conversation
    }
  }

  set(session: StoredSession): void {
    const raw = JSON.stringify(session);
    // Writing the same value would notify the other tabs without a reason.
    if (this.store.get(this.key) !== raw) this.store.set(this.key, raw);
  }

  /** Record that this tab has joined a conversation, and store the session. */
  enter(session: JoinedSession): void {
    this.joined = session;
    this.set(session);
  }

  /** Remove the stored session. */
  forget(): void {
    this.store.remove(this.key);
  }
}

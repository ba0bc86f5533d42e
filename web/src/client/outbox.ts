/**
 * Messages that were written but not yet acknowledged.
 *
 * One stored key an entry, so that two tabs never overwrite each other. An entry keeps the session and the epoch it
 * was written for: a text from before an erase never travels again. The client decides when to send; this file only
 * remembers.
 */

import type { KeyValueStore } from "./ports";
import { isObject, type JsonObject } from "./wire";

export type SendState = "sending" | "sent" | "failed";

export interface OutboxEntry {
  readonly message_id: string;
  /** Null until the first session is known. */
  readonly session_id: string | null;
  readonly epoch: string | null;
  readonly message: string;
  readonly title?: string;
  readonly metadata?: JsonObject;
  /** Milliseconds; also the order in which entries are sent. */
  readonly written: number;
  readonly state: SendState;
  /** Why it failed: the error's code and sentence. */
  readonly error?: { readonly code: string; readonly message: string };
  /** The log's number, once acknowledged. */
  readonly seq?: number;
}

/** In JSON text: half of a character outside the basic plane, or any other escape. */
const ESCAPES = /\\(?:ud[89a-f][0-9a-f]{2}|.)/gi;

/** JSON as servers read it: a lone surrogate, which has no UTF-8, becomes U+FFFD. */
function wellFormed(json: string): string {
  return json.replace(ESCAPES, (found) => (found.length > 2 ? "\\ufffd" : found));
}

function read(raw: string | null): OutboxEntry | null {
  if (raw === null) return null;
  try {
    const value: unknown = JSON.parse(wellFormed(raw));
    if (!isObject(value) || typeof value["message_id"] !== "string" || typeof value["message"] !== "string")
      return null;
    return value as unknown as OutboxEntry;
  } catch {
    return null; // somebody else's key, or a damaged one: not ours to send
  }
}

export class Outbox {
  private readonly prefix: string;
  private readonly entries = new Map<string, OutboxEntry>();

  constructor(
    private readonly store: KeyValueStore,
    scope: string,
  ) {
    this.prefix = `${scope}:outbox:`;
    this.reload();
  }

  /** Whether a storage key is one of this outbox. */
  owns(key: string): boolean {
    return key.startsWith(this.prefix);
  }

  /** Read what other tabs and earlier visits left; `gone` is what another tab had acknowledged, or gave up. */
  reload(): { changed: boolean; gone: OutboxEntry[] } {
    let changed = false;
    const gone: OutboxEntry[] = [];
    const stored = new Set<string>();
    for (const key of this.store.keys(this.prefix)) {
      const entry = read(this.store.get(key));
      if (entry === null) continue;
      stored.add(entry.message_id);
      const mine = this.entries.get(entry.message_id);
      if (mine === undefined || (mine.state !== "sent" && mine.state !== entry.state)) {
        this.entries.set(entry.message_id, entry);
        changed = true;
      }
    }
    for (const entry of this.entries.values()) {
      // What was said comes back as an echo.
      if (entry.state !== "sent" && !stored.has(entry.message_id)) {
        this.entries.delete(entry.message_id);
        gone.push(entry);
        changed = true;
      }
    }
    return { changed, gone };
  }

  /** In the order they were written. */
  list(): OutboxEntry[] {
    return [...this.entries.values()].sort((a, b) => a.written - b.written);
  }

  get(message_id: string): OutboxEntry | undefined {
    return this.entries.get(message_id);
  }

  /**
   * Add or replace, as the JSON that travels. What is acknowledged leaves the store, but stays here until it is seen in
   * the log.
   */
  put(given: OutboxEntry): void {
    const raw = wellFormed(JSON.stringify(given)); // escapes what is not well-formed
    const entry = JSON.parse(raw) as OutboxEntry;
    this.entries.set(entry.message_id, entry);
    const key = this.prefix + entry.message_id;
    if (entry.state === "sent") this.store.remove(key);
    else this.store.set(key, raw);
  }

  remove(message_id: string): boolean {
    this.store.remove(this.prefix + message_id);
    return this.entries.delete(message_id);
  }

  /** Forget what stands in the log by now: named there, or numbered up to `seq`. Returns true when something left. */
  settle(named: readonly string[], seq: number): boolean {
    const before = this.entries.size;
    for (const message_id of named) if (this.entries.has(message_id)) this.remove(message_id);
    for (const entry of this.list()) {
      if (entry.state === "sent" && (entry.seq ?? 0) <= seq) this.remove(entry.message_id);
    }
    return this.entries.size !== before;
  }

  /** Give entries that were written before any session existed their home. */
  adopt(session_id: string, epoch: string): void {
    for (const entry of this.entries.values()) {
      if (entry.session_id === null) this.put({ ...entry, session_id, epoch });
    }
  }

  /** Drop what was written for another session or epoch; returns the entries that were not sent. */
  dropOthers(session_id: string, epoch: string): OutboxEntry[] {
    const dropped = this.list().filter(
      (entry) => entry.session_id !== null && (entry.session_id !== session_id || entry.epoch !== epoch),
    );
    for (const entry of dropped) this.remove(entry.message_id);
    return dropped.filter((entry) => entry.state !== "sent");
  }
}

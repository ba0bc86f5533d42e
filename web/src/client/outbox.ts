/**
 * The messages that were written but are not yet seen in the log.
 *
 * Owns a stored key for each entry, so that two tabs never overwrite each other's entries. An entry contains the
 * session and the epoch for which it was written, so a text that was written before an erase is never sent after it.
 * Called by `delivery.ts`. Must not send.
 */

import type { KeyValueStore } from "./ports";
import { isObject, type Attachment, type JsonObject } from "./wire";

export type SendState = "sending" | "sent" | "failed";

export interface OutboxEntry {
  readonly message_id: string;
  /** Null until the first session is known. */
  readonly session_id: string | null;
  readonly epoch: string | null;
  readonly message: string;
  readonly title?: string;
  readonly metadata?: JsonObject;
  /** Uploaded files. */
  readonly attachments?: readonly Attachment[];
  /** Time of writing in milliseconds. Entries are sent in this order. */
  readonly written: number;
  readonly state: SendState;
  /** The reason why sending failed. */
  readonly error?: { readonly code: string; readonly message: string };
  /** Number of the message in the log, once the server has acknowledged it. */
  readonly seq?: number;
}

/** Matches, in JSON text, the escape of a lone surrogate, or any other escape. */
const ESCAPES = /\\(?:ud[89a-f][0-9a-f]{2}|.)/gi;

/** Replace lone surrogates by U+FFFD, because they cannot be encoded in UTF-8 and servers reject them. */
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
    return null; // not an outbox entry, or damaged
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

  /** Return whether a storage key belongs to this outbox. */
  owns(key: string): boolean {
    return key.startsWith(this.prefix);
  }

  /** Read the stored entries again. `gone` contains the entries that another tab has delivered or dropped. */
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
      // Acknowledged entries are no longer stored. They are removed when the log contains them.
      if (entry.state !== "sent" && !stored.has(entry.message_id)) {
        this.entries.delete(entry.message_id);
        gone.push(entry);
        changed = true;
      }
    }
    return { changed, gone };
  }

  /** Return the entries in the order of writing. */
  list(): OutboxEntry[] {
    return [...this.entries.values()].sort((a, b) => a.written - b.written);
  }

  get(message_id: string): OutboxEntry | undefined {
    return this.entries.get(message_id);
  }

  /**
   * Add or replace an entry. Values that JSON cannot represent are replaced.
   *
   * An acknowledged entry is removed from the store, but stays in memory until the log contains it.
   */
  put(added: OutboxEntry): void {
    const raw = wellFormed(JSON.stringify(added)); // stringify escapes lone surrogates
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

  /** Remove the entries that are in the log: those in `named` and those up to number `seq`. */
  settle(named: readonly string[], seq: number): void {
    for (const message_id of named) if (this.entries.has(message_id)) this.remove(message_id);
    for (const entry of this.list()) {
      if (entry.state === "sent" && (entry.seq ?? 0) <= seq) this.remove(entry.message_id);
    }
  }

  /** Assign entries that were written before the first session to this session. */
  adopt(session_id: string, epoch: string): void {
    for (const entry of this.entries.values()) {
      if (entry.session_id === null) this.put({ ...entry, session_id, epoch });
    }
  }

  /** Remove entries for another session or epoch. Returns the removed entries that were not sent. */
  dropOthers(session_id: string, epoch: string): OutboxEntry[] {
    const dropped = this.list().filter(
      (entry) => entry.session_id !== null && (entry.session_id !== session_id || entry.epoch !== epoch),
    );
    for (const entry of dropped) this.remove(entry.message_id);
    return dropped.filter((entry) => entry.state !== "sent");
  }
}

/**
 * What the operator has done and the server has not confirmed yet: messages, takes, hand-backs, notes.
 *
 * Owns the entries and stores the messages among them, so that neither an outage nor a reload loses one. Each operator
 * of this browser has separate entries, so that no message is sent in another operator's name. The entries of a
 * conversation are sent in order, one at a time. An entry is repeated until the server answers; the server accepts
 * each `message_id` once. Called by `desk.ts`. Must not draw.
 */

import { pauseAfter } from "../client/backoff";
import type { Clock, KeyValueStore, Timer } from "../client/ports";
import { isObject } from "../client/wire";
import { Rejected, Unreachable } from "./api";
import type { JsonObject } from "./wire";

export interface Entry {
  readonly id: string;
  readonly sender_id: string;
  /** Last part of the path: `say`, `take`, `hand_back`… */
  readonly request: string;
  readonly body: JsonObject;
  /** When the operator did it, in milliseconds. */
  readonly made: number;
  /** `sent`: the server has confirmed the message, and the feed has not shown it yet. */
  readonly state: "sending" | "sent" | "failed";
  /** Why the server has rejected it. */
  readonly error?: string;
}

export interface OutboxListener {
  /** Send an entry. Throws `Unreachable` or `Rejected`. */
  send(entry: Entry): Promise<unknown>;
  /** The server has confirmed an entry. */
  confirmed(entry: Entry, answer: unknown): void;
  rejected(entry: Entry, error: Rejected): void;
  changed(): void;
}

function read(raw: string | null): Entry | null {
  if (raw === null) return null;
  try {
    const value: unknown = JSON.parse(raw);
    const isEntry =
      isObject(value) && typeof value["id"] === "string" && typeof value["sender_id"] === "string";
    return isEntry ? (value as unknown as Entry) : null;
  } catch {
    return null; // damaged
  }
}

export class DeskOutbox {
  private readonly entries = new Map<string, Entry>();
  /** Conversations whose first entry is on its way. */
  private readonly busy = new Set<string>();
  private failures = 0;
  private timer: Timer | null = null;
  /** Prefix of the stored keys of the operator; `""` before the first one has signed in. */
  private prefix = "";

  constructor(
    private readonly store: KeyValueStore,
    private readonly scope: string,
    private readonly clock: Clock,
    private readonly listener: OutboxListener,
    private readonly random: () => number = () => Math.random(),
  ) {}

  /** Continue with the stored entries of this operator. Does nothing if they are open already. */
  open(operator: string): void {
    const prefix = `${this.scope}:outbox:${encodeURIComponent(operator)}:`;
    if (prefix === this.prefix) return;
    this.prefix = prefix;
    this.entries.clear();
    const stored = this.store.keys(prefix).map((key) => read(this.store.get(key)));
    for (const entry of stored.filter((each) => each !== null).sort((a, b) => a.made - b.made))
      this.entries.set(entry.id, entry);
  }

  /** Return the entries of a conversation, oldest first. */
  of(sender_id: string): Entry[] {
    return [...this.entries.values()].filter((entry) => entry.sender_id === sender_id);
  }

  has(sender_id: string, request: string): boolean {
    return this.of(sender_id).some((entry) => entry.request === request && entry.state === "sending");
  }

  /** Add an entry after all others, or replace it in its place. */
  add(entry: Entry): void {
    // The clock may have been set back since the last entry.
    const last = [...this.entries.values()].reduce((made, each) => Math.max(made, each.made), 0);
    this.put(this.entries.has(entry.id) ? entry : { ...entry, made: Math.max(entry.made, last + 1) });
    this.flush();
  }

  retry(id: string): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    const { error: _, ...again } = entry;
    this.put({ ...again, state: "sending" });
    this.flush();
  }

  discard(id: string): Entry | undefined {
    const entry = this.entries.get(id);
    this.entries.delete(id);
    this.store.remove(this.prefix + id);
    this.listener.changed();
    return entry;
  }

  /** Send now, without waiting for the pause after a failure. */
  hurry(): void {
    this.failures = 0;
    this.flush();
  }

  flush(): void {
    this.clock.stop(this.timer);
    this.timer = null;
    const seen = new Set<string>();
    for (const entry of this.entries.values()) {
      if (entry.state !== "sending" || seen.has(entry.sender_id)) continue;
      seen.add(entry.sender_id);
      if (!this.busy.has(entry.sender_id)) void this.send(entry);
    }
  }

  stop(): void {
    this.clock.stop(this.timer);
  }

  /** Keep showing a message until the log does. It needs no further sending, so it is not stored. */
  private keepSent(entry: Entry): void {
    this.entries.set(entry.id, { ...entry, state: "sent" });
    this.store.remove(this.prefix + entry.id);
    this.listener.changed();
  }

  private put(entry: Entry): void {
    this.entries.set(entry.id, entry);
    // A click that is older than a reload is not what the operator wants any more; a message is.
    if (entry.request === "say" || entry.request === "note")
      this.store.set(this.prefix + entry.id, JSON.stringify(entry));
    this.listener.changed();
  }

  private async send(entry: Entry): Promise<void> {
    const { prefix } = this;
    this.busy.add(entry.sender_id);
    try {
      const answer = await this.listener.send(entry);
      this.failures = 0;
      if (prefix !== this.prefix)
        this.store.remove(prefix + entry.id); // another operator has signed in
      else this.settle(entry, answer);
    } catch (error) {
      if (error instanceof Rejected && prefix !== this.prefix) {
        // It stays stored for the operator who has made it.
      } else if (error instanceof Rejected) {
        if (entry.request === "say" || entry.request === "note")
          this.put({ ...entry, state: "failed", error: error.message });
        else this.discard(entry.id);
        this.listener.rejected(entry, error);
      } else if (error instanceof Unreachable) {
        this.again();
        return;
      } else throw error;
    } finally {
      this.busy.delete(entry.sender_id);
    }
    this.flush();
  }

  private settle(entry: Entry, answer: unknown): void {
    if (entry.request === "say") this.keepSent(entry);
    else this.discard(entry.id);
    this.listener.confirmed(entry, answer);
  }

  private again(): void {
    const pause = pauseAfter(this.failures, this.random());
    this.failures += 1;
    this.clock.stop(this.timer);
    this.timer = this.clock.start(pause, () => this.flush());
  }
}

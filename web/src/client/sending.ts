/**
 * Sends what is in the outbox: one message in flight, in the order of writing, the same id again until it is answered.
 *
 * Owns the outbox and what became of each message. The client says where messages can go (`Line`) and what was seen in
 * the log; what happens is told through `Line.tell`. Never connects or joins.
 */

import { pauseAfter } from "./backoff";
import type { ClientEvent } from "./events";
import { Outbox, type OutboxEntry } from "./outbox";
import type { Chance, Clock, KeyValueStore, Timer } from "./ports";
import type { StoredSession } from "./session";
import { isObject, readError, type JsonObject, type Requests, type WireError } from "./wire";

/** An acknowledged message that is not seen in the log for so long means that something was missed. */
const ECHO_TIMEOUT_MS = 5_000;

/**
 * UTF-16 units of a request. A unit is three bytes at most, and servers end a connection that brings 2 MB at once: such
 * a message would be tried for ever, and those behind it would wait.
 */
const LARGEST = 600_000;

/** A conversation that the client has joined. */
export interface Joined {
  readonly session_id: string;
  readonly epoch: string;
}

/** The client, as far as sending goes. */
export interface Line {
  /** Where messages can go at this moment; null: nowhere. */
  ready(): Joined | null;
  /** Counts joins: what was asked before the newest one is outdated. */
  joins(): number;
  /** The number up to which this client has seen the log. */
  seen(): number;
  request(payload: Requests["user_uttered"]["payload"]): Promise<unknown>;
  /** A plain server acknowledges nothing. */
  isPlain(): boolean;
  /** Say it to a plain server, and show it as said. */
  sayPlain(entry: OutboxEntry): void;
  /** Ask for what was missed. */
  resync(): void;
  tell(event: ClientEvent): void;
}

export class Sending {
  private readonly outbox: Outbox;
  private inFlight: string | null = null;
  private readonly failures = new Map<string, number>();
  /** What this tab wrote, as long as it is on its way: its loss is shown here. */
  private readonly written = new Set<string>();
  private pauseTimer: Timer | null = null;
  private echoTimer: Timer | null = null;

  constructor(
    private readonly line: Line,
    private readonly ports: { clock: Clock; store: KeyValueStore; chance: Chance },
    scope: string,
  ) {
    this.outbox = new Outbox(ports.store, scope);
  }

  get isEmpty(): boolean {
    return this.outbox.list().length === 0;
  }

  tell(): void {
    this.line.tell({ type: "outbox", entries: this.outbox.list() });
  }

  stop(): void {
    this.ports.clock.stop(this.pauseTimer);
    this.ports.clock.stop(this.echoTimer);
  }

  // -- what a visitor does ------------------------------------------------------------------------------------

  /** Write a message down for a conversation (null: for whichever comes first), and send it as soon as possible. */
  write(
    message_id: string,
    message: string,
    title: string | undefined,
    metadata: JsonObject,
    session: StoredSession | null,
  ): void {
    const last = this.outbox.list().at(-1)?.written ?? 0;
    this.written.add(message_id);
    this.outbox.put({
      message_id,
      session_id: session?.session_id ?? null,
      epoch: session?.epoch ?? null,
      message,
      ...(title === undefined ? {} : { title }),
      ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
      written: Math.max(this.ports.clock.now(), last + 1),
      state: "sending",
    });
    this.tell();
    this.flush();
  }

  /** Try a failed message once more. */
  retry(message_id: string): void {
    const entry = this.outbox.get(message_id);
    if (entry === undefined || entry.state !== "failed") return;
    const { error: _, ...rest } = entry;
    this.failures.delete(message_id);
    this.outbox.put({ ...rest, state: "sending" });
    this.tell();
    this.flush();
  }

  /** Give a message up that was not sent. */
  discard(message_id: string): void {
    this.written.delete(message_id);
    if (this.outbox.remove(message_id)) this.tell();
  }

  /** Give everything up. */
  clear(): void {
    for (const entry of this.outbox.list()) this.outbox.remove(entry.message_id);
  }

  // -- what becomes of the conversation -----------------------------------------------------------------------

  /** What is in flight may not be answered any more. */
  interrupt(): void {
    this.inFlight = null;
  }

  /** Send again without waiting: the connection is new. */
  hurry(): void {
    this.ports.clock.stop(this.pauseTimer);
    this.pauseTimer = null;
  }

  /**
   * Go on in this conversation, whose log has the messages `said` and all that is numbered up to `seq`.
   *
   * What was written before any session existed belongs to it; what was written for another is dropped.
   */
  enter(session: Joined, said: readonly string[], seq: number): void {
    this.outbox.adopt(session.session_id, session.epoch);
    this.outbox.settle(said, seq);
    const dropped = this.outbox.dropOthers(session.session_id, session.epoch);
    if (dropped.length > 0) this.tellDropped(dropped);
    this.tell();
  }

  /** The log has it. */
  echoed(message_id: string): void {
    this.written.delete(message_id);
    if (this.outbox.remove(message_id)) {
      this.tell();
      this.flush();
    }
  }

  /** Whether a storage key is one of the outbox. */
  owns(key: string): boolean {
    return this.outbox.owns(key);
  }

  /** Another tab may have changed the outbox; `stored` is the session that all tabs share. */
  reload(stored: StoredSession | null): void {
    const { changed, gone } = this.outbox.reload();
    // A tab that moved on to another conversation gives up what was written for this one.
    const dropped = gone.filter(
      (entry) => this.written.delete(entry.message_id) && entry.epoch !== stored?.epoch,
    );
    if (dropped.length > 0) this.tellDropped(dropped);
    if (changed) this.tell();
  }

  // -- sending ------------------------------------------------------------------------------------------------

  /** Send the next message, if it is time. */
  flush(): void {
    const session = this.line.ready();
    if (session === null) return;
    for (const entry of this.outbox.list()) {
      if (entry.state !== "sending") continue;
      if (this.line.isPlain()) {
        this.outbox.remove(entry.message_id);
        this.line.sayPlain(entry);
        this.tell();
        continue;
      }
      if (this.inFlight !== null || this.pauseTimer !== null) return;
      void this.deliver(entry, session);
      return;
    }
  }

  private async deliver(entry: OutboxEntry, session: Joined): Promise<void> {
    const join = this.line.joins();
    const payload = {
      session_id: entry.session_id ?? session.session_id,
      ...(entry.epoch === null ? {} : { epoch: entry.epoch }),
      message: entry.message,
      ...(entry.title === undefined ? {} : { title: entry.title }),
      message_id: entry.message_id,
      ...(entry.metadata === undefined ? {} : { metadata: entry.metadata }),
    };
    if (JSON.stringify(payload).length > LARGEST) {
      this.refused(entry, { code: "too_long", message: "The message is larger than a server takes." });
      this.flush();
      return;
    }
    this.inFlight = entry.message_id;
    let answer: unknown;
    try {
      answer = await this.line.request(payload);
    } catch {
      // Not answered: the same id again, on this connection or the next.
      if (join === this.line.joins() && this.inFlight === entry.message_id) this.again(entry, undefined);
      return;
    }
    if (this.inFlight === entry.message_id) this.inFlight = null;
    const error = readError(answer);
    if (error === null) this.acknowledged(entry, answer);
    else this.refused(entry, error);
    this.flush();
  }

  private again(entry: OutboxEntry, wait_s: number | undefined): void {
    this.inFlight = null;
    const failures = this.failures.get(entry.message_id) ?? 0;
    this.failures.set(entry.message_id, failures + 1);
    const { clock, chance } = this.ports;
    clock.stop(this.pauseTimer);
    const pause = wait_s === undefined ? pauseAfter(failures, chance.random()) : wait_s * 1000;
    this.pauseTimer = clock.start(pause, () => {
      this.pauseTimer = null;
      this.flush();
    });
  }

  private acknowledged(entry: OutboxEntry, answer: unknown): void {
    this.failures.delete(entry.message_id);
    if (this.outbox.get(entry.message_id) === undefined) return; // its echo was faster
    const seq = isObject(answer) && typeof answer["seq"] === "number" ? answer["seq"] : 0;
    this.outbox.put({ ...entry, state: "sent", seq });
    this.outbox.settle([], this.line.seen());
    this.tell();
    this.awaitEcho();
  }

  private awaitEcho(): void {
    this.ports.clock.stop(this.echoTimer);
    this.echoTimer = this.ports.clock.start(ECHO_TIMEOUT_MS, () => {
      const missing = this.outbox.list().some((entry) => entry.state === "sent");
      if (missing && this.line.ready() !== null) this.line.resync();
    });
  }

  private refused(entry: OutboxEntry, error: WireError): void {
    if (error.code === "conversation_changed") {
      this.outbox.remove(entry.message_id);
      this.tellDropped([entry]);
      this.tell();
      this.line.resync();
    } else if (error.retry_after !== undefined) {
      this.again(entry, error.retry_after);
    } else {
      this.outbox.put({ ...entry, state: "failed", error: { code: error.code, message: error.message } });
      this.tell();
    }
  }

  /** What was written for a conversation that is gone is shown once, and never sent. */
  private tellDropped(entries: readonly OutboxEntry[]): void {
    for (const entry of entries) this.written.delete(entry.message_id);
    const words = entries.map((entry) => entry.title ?? entry.message).join("\n");
    this.line.tell({ type: "notice", notice: { code: "conversation_changed", message: words } });
  }
}

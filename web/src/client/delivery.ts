/**
 * Delivers the messages of the outbox one at a time, in the order of writing. Repeats each message with the same id
 * until the server acknowledges it.
 *
 * Owns the outbox, the message in flight and its timers. Called by the client; the dialect in use sends the messages.
 * Must not connect or join.
 */

import { pauseAfter } from "./backoff";
import type { Connection } from "./connection";
import type { Dialect } from "./dialects/dialect";
import type { ClientEvent } from "./events";
import { Outbox, type OutboxEntry } from "./outbox";
import type { Chance, Clock, KeyValueStore, Timer } from "./ports";
import type { JoinedSession, SessionMemory } from "./session";
import { isObject, readError, type Attachment, type JsonObject, type WireError } from "./wire";

/** If an acknowledged message does not appear in the log within this time, the client has missed events. */
const ECHO_TIMEOUT_MS = 5_000;

export class Delivery {
  private readonly outbox: Outbox;
  private inFlight: string | null = null;
  private readonly failures = new Map<string, number>();
  /** Undelivered messages that this tab wrote. If such a message is lost, this tab shows a notice. */
  private readonly written = new Set<string>();
  private pauseTimer: Timer | null = null;
  private echoTimer: Timer | null = null;

  constructor(
    private readonly connection: Connection,
    private readonly memory: SessionMemory,
    private readonly dialect: () => Dialect,
    private readonly ports: { clock: Clock; store: KeyValueStore; chance: Chance },
    scope: string,
    private readonly reportEvent: (event: ClientEvent) => void,
  ) {
    this.outbox = new Outbox(ports.store, scope);
  }

  get isEmpty(): boolean {
    return this.outbox.list().length === 0;
  }

  /** Report the current outbox. */
  report(): void {
    this.reportEvent({ type: "outbox", entries: this.outbox.list() });
  }

  stop(): void {
    this.ports.clock.stop(this.pauseTimer);
    this.ports.clock.stop(this.echoTimer);
  }

  // -- what a visitor does ------------------------------------------------------------------------------------

  /** Store a message for the current conversation, or for the next one that is joined. Send it when possible. */
  write(
    message_id: string,
    message: string,
    title: string | undefined,
    metadata: JsonObject,
    attachments: readonly Attachment[] = [],
  ): void {
    const session = this.memory.joined ?? this.memory.get();
    const last = this.outbox.list().at(-1)?.written ?? 0;
    this.written.add(message_id);
    this.outbox.put({
      message_id,
      session_id: session?.session_id ?? null,
      epoch: session?.epoch ?? null,
      message,
      ...(title === undefined ? {} : { title }),
      ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
      ...(attachments.length === 0 ? {} : { attachments }),
      written: Math.max(this.ports.clock.now(), last + 1),
      state: "sending",
    });
    this.report();
    this.flush();
  }

  /** Send a failed message again. */
  retry(message_id: string): void {
    const entry = this.outbox.get(message_id);
    if (entry === undefined || entry.state !== "failed") return;
    const { error: _, ...rest } = entry;
    this.failures.delete(message_id);
    this.outbox.put({ ...rest, state: "sending" });
    this.report();
    this.flush();
  }

  /** Delete a message that was not sent. */
  discard(message_id: string): void {
    this.written.delete(message_id);
    if (this.outbox.remove(message_id)) this.report();
  }

  /** Store all messages again, because the page has cleared the storage. */
  restore(): void {
    for (const entry of this.outbox.list()) this.outbox.put(entry);
  }

  /** Delete all messages. */
  clear(): void {
    for (const entry of this.outbox.list()) this.outbox.remove(entry.message_id);
  }

  // -- changes of the conversation ----------------------------------------------------------------------------

  /** The message in flight may never be acknowledged: send it again after the next join. */
  interrupt(): void {
    this.inFlight = null;
  }

  /** Skip the current pause: the connection is new. */
  hurry(): void {
    this.ports.clock.stop(this.pauseTimer);
    this.pauseTimer = null;
  }

  /**
   * Continue in this conversation, whose log contains the messages `message_ids` and all messages up to `seq`.
   *
   * Messages written before the first session are assigned to it; messages for another session are dropped.
   */
  enter(session: JoinedSession, message_ids: readonly string[], seq: number): void {
    this.outbox.adopt(session.session_id, session.epoch);
    this.outbox.settle(message_ids, seq);
    const dropped = this.outbox.dropOthers(session.session_id, session.epoch);
    if (dropped.length > 0) this.reportDropped(dropped);
    this.report();
  }

  /** The log contains this message. */
  echoed(message_id: string): void {
    this.written.delete(message_id);
    if (this.outbox.remove(message_id)) {
      this.report();
      this.flush();
    }
  }

  /** Return whether a storage key belongs to the outbox. */
  owns(key: string): boolean {
    return this.outbox.owns(key);
  }

  /** Read the changes of other tabs in the outbox. */
  reload(): void {
    const { changed, gone } = this.outbox.reload();
    const stored = this.memory.get();
    // A tab that changes to another conversation drops the messages written for this one.
    const dropped = gone.filter(
      (entry) => this.written.delete(entry.message_id) && entry.epoch !== stored?.epoch,
    );
    if (dropped.length > 0) this.reportDropped(dropped);
    if (changed) this.report();
  }

  // -- sending ------------------------------------------------------------------------------------------------

  /** Send the next message unless one is in flight or a pause is running. */
  flush(): void {
    const session = this.memory.joined;
    if (session === null || this.connection.phase !== "ready") return;
    const dialect = this.dialect();
    for (const entry of this.outbox.list()) {
      if (entry.state !== "sending") continue;
      if (!dialect.acknowledges) {
        // Remove the message first, because a listener of the resulting event can send again and flush.
        this.outbox.remove(entry.message_id);
        void dialect.send(entry, session);
        this.report();
        continue;
      }
      if (this.inFlight !== null || this.pauseTimer !== null) return;
      void this.deliver(entry, session, dialect);
      return;
    }
  }

  private async deliver(entry: OutboxEntry, session: JoinedSession, dialect: Dialect): Promise<void> {
    const { attempt } = this.connection;
    this.inFlight = entry.message_id;
    let answer: unknown;
    try {
      answer = await dialect.send(entry, session);
    } catch {
      // There was no response: send the same id again, over this connection or the next one.
      if (attempt === this.connection.attempt && this.inFlight === entry.message_id)
        this.again(entry, undefined);
      return;
    }
    if (this.inFlight === entry.message_id) this.inFlight = null;
    // Without an entry, the log has shown the message first, or the visitor has left the conversation.
    if (this.outbox.get(entry.message_id) !== undefined) {
      const error = readError(answer);
      if (error === null) this.acknowledged(entry, answer);
      else this.refused(entry, error);
    }
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
    const seq = isObject(answer) && typeof answer["seq"] === "number" ? answer["seq"] : 0;
    this.outbox.put({ ...entry, state: "sent", seq });
    this.outbox.settle([], this.dialect().seen);
    this.report();
    this.awaitEcho();
  }

  private awaitEcho(): void {
    this.ports.clock.stop(this.echoTimer);
    this.echoTimer = this.ports.clock.start(ECHO_TIMEOUT_MS, () => {
      const missing = this.outbox.list().some((entry) => entry.state === "sent");
      if (missing) this.dialect().resync();
    });
  }

  private refused(entry: OutboxEntry, error: WireError): void {
    if (error.code === "conversation_changed") {
      this.outbox.remove(entry.message_id);
      this.reportDropped([entry]);
      this.report();
      this.dialect().resync();
    } else if (error.retry_after !== undefined) {
      this.again(entry, error.retry_after);
    } else if (error.code.startsWith("jwt_")) {
      this.connection.retry(); // the next connection has a new token
    } else {
      this.outbox.put({ ...entry, state: "failed", error: { code: error.code, message: error.message } });
      this.report();
    }
  }

  /** Report messages whose conversation no longer exists. They are shown once and never sent. */
  private reportDropped(entries: readonly OutboxEntry[]): void {
    for (const entry of entries) this.written.delete(entry.message_id);
    const texts = entries
      .map(({ title, message, attachments = [] }) =>
        [title ?? message, ...attachments.map(({ name }) => name)].filter((text) => text !== "").join(" "),
      )
      .join("\n");
    this.reportEvent({ type: "notice", notice: { code: "conversation_changed", message: texts } });
  }
}

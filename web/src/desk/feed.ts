/**
 * The desk's live events: one stream of server-sent events that resumes where it was cut.
 *
 * Owns the connection and its cursor. Called by `desk.ts`. `EventSource` would give up for good after an answer such as
 * 503, which a proxy sends while a server restarts; so this reads the stream itself. Must not know what events mean.
 */

import { pauseAfter } from "../client/backoff";
import type { Clock, Timer } from "../client/ports";

/** The server sends at least a comment in this time; without one the connection is dead. */
const SILENCE_MS = 45_000;

export interface FeedListener {
  event(type: string, data: unknown): void;
  /** The stream is open. Everything since the cursor follows. */
  opened(): void;
  lost(): void;
  /** The session has ended: the operator must sign in again. */
  signedOut(): void;
}

export class Feed {
  /** Id of the newest event; `""` before the first one. */
  private cursor = "";
  private failures = 0;
  private timer: Timer | null = null;
  private silence: Timer | null = null;
  private connection: AbortController | null = null;

  constructor(
    private readonly url: string,
    private readonly clock: Clock,
    private readonly listener: FeedListener,
    private readonly fetcher: typeof fetch = (...request) => fetch(...request),
    private readonly random: () => number = () => Math.random(),
  ) {}

  start(): void {
    this.stop();
    const connection = (this.connection = new AbortController());
    this.run(connection).then(
      () => this.ended(connection),
      () => this.ended(connection),
    );
  }

  stop(): void {
    this.clock.stop(this.timer);
    this.clock.stop(this.silence);
    this.connection?.abort();
    this.connection = null;
  }

  /** Connect now if the feed waits for its next try, or if the page was asleep and the connection may be dead. */
  hurry(): void {
    this.failures = 0;
    this.start();
  }

  private async run(connection: AbortController): Promise<void> {
    const { signal } = connection;
    this.listen(connection);
    const answer = await this.fetcher(this.url, {
      credentials: "same-origin",
      cache: "no-store",
      headers: {
        Accept: "text/event-stream",
        ...(this.cursor === "" ? {} : { "Last-Event-ID": this.cursor }),
      },
      signal,
    });
    if (answer.status === 401 || answer.status === 403) {
      this.connection = null;
      this.clock.stop(this.silence);
      this.listener.signedOut();
      return;
    }
    if (!answer.ok || answer.body === null) throw new Error(`status ${answer.status}`);
    if (signal.aborted) return;
    this.failures = 0;
    this.listener.opened();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    const lines = new Lines((type, data, id) => this.received(type, data, id));
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      this.listen(connection);
      lines.push(value);
    }
  }

  private received(type: string, data: string, id: string | null): void {
    if (id !== null) this.cursor = id;
    let value: unknown = null;
    try {
      value = JSON.parse(data);
    } catch {
      // A reset can come without data.
    }
    if (type === "reset") this.cursor = id ?? "";
    this.listener.event(type, value);
  }

  /** Restart the timeout that detects a dead connection. */
  private listen(connection: AbortController): void {
    this.clock.stop(this.silence);
    this.silence = this.clock.start(SILENCE_MS, () => connection.abort());
  }

  private ended(connection: AbortController): void {
    if (this.connection !== connection) return;
    this.clock.stop(this.silence);
    this.listener.lost();
    const pause = pauseAfter(this.failures, this.random());
    this.failures += 1;
    this.timer = this.clock.start(pause, () => this.start());
  }
}

/** Splits a stream of text into server-sent events. */
export class Lines {
  private rest = "";
  private type = "";
  private data: string[] = [];
  private id: string | null = null;

  constructor(private readonly emit: (type: string, data: string, id: string | null) => void) {}

  push(chunk: string): void {
    const lines = (this.rest + chunk).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop()!;
    for (const line of lines) this.line(line);
  }

  private line(line: string): void {
    if (line === "") {
      if (this.data.length > 0 || this.type !== "")
        this.emit(this.type || "message", this.data.join("\n"), this.id);
      this.type = "";
      this.data = [];
      this.id = null;
      return;
    }
    const at = line.indexOf(":");
    if (at === 0) return; // a comment keeps the connection alive
    const field = at === -1 ? line : line.slice(0, at);
    const value = at === -1 ? "" : line.slice(at + 1).replace(/^ /, "");
    if (field === "event") this.type = value;
    else if (field === "data") this.data.push(value);
    else if (field === "id") this.id = value;
  }
}

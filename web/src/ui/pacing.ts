/**
 * Shows the messages of a reply one after another (attribute `message-delay`).
 *
 * Owns the delayed events. Called by `chat.ts` with every client event. Must not change the order: an event that
 * depends on earlier messages releases all of them first.
 */

import type { ClientEvent } from "../client/events";
import type { Clock, Timer } from "../client/ports";

export class Pacing {
  private readonly waiting: ClientEvent[] = [];
  private timer: Timer | null = null;
  private last = -Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly pass: (event: ClientEvent) => void,
  ) {}

  take(event: ClientEvent, delay_ms: number): void {
    const paced = delay_ms > 0 && event.type === "message" && event.message.role === "bot";
    if (!paced) {
      if (event.type === "left") this.waiting.length = 0; // the messages of the previous visitor
      if (event.type === "joined" || event.type === "message" || event.type === "left") this.flush();
      // While messages wait, the assistant appears to be typing.
      if (event.type === "typing" && !event.on && this.waiting.length > 0) return;
      this.pass(event);
      return;
    }
    this.waiting.push(event);
    if (this.timer === null) this.next(delay_ms);
  }

  flush(): void {
    this.clock.stop(this.timer);
    this.timer = null;
    const events = this.waiting.splice(0);
    if (events.length > 0) this.pass({ type: "typing", on: false });
    for (const event of events) this.pass(event);
  }

  private next(delay_ms: number): void {
    if (this.waiting.length === 0) return;
    const wait = this.last + delay_ms - this.clock.now();
    if (wait > 0) {
      this.pass({ type: "typing", on: true });
      this.timer = this.clock.start(wait, () => {
        this.timer = null;
        this.next(delay_ms);
      });
      return;
    }
    this.last = this.clock.now();
    const event = this.waiting.shift()!;
    this.pass({ type: "typing", on: false });
    this.pass(event);
    this.next(delay_ms);
  }
}

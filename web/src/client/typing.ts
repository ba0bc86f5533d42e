/**
 * Whether the assistant is typing.
 *
 * Owns the flag and its timeout. Called by the client and its dialects. Must not decide what counts as typing.
 */

import type { Clock, Timer } from "./ports";

/** The indicator is switched off if the server sends nothing for this time. */
export const TYPING_TIMEOUT_MS = 10_000;

export class Typing {
  private timer: Timer | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly changed: (on: boolean) => void,
  ) {}

  /** Switch the indicator on or off. Switching it on restarts the timeout. */
  set(on: boolean): void {
    const before = this.timer !== null;
    this.stop();
    if (on) this.timer = this.clock.start(TYPING_TIMEOUT_MS, () => this.set(false));
    if (on !== before) this.changed(on);
  }

  /** Stop the timeout without reporting a change. */
  stop(): void {
    this.clock.stop(this.timer);
    this.timer = null;
  }
}

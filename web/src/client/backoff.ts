/**
 * Computes the pause before the next attempt.
 *
 * Called by `connection.ts` and `delivery.ts`. Pure: the random number is an argument.
 */

/** The first pause. Each failure doubles the pause. */
const FIRST_PAUSE_MS = 300;
const MAX_PAUSE_MS = 10_000;

/**
 * Return the pause in milliseconds after a number of failures.
 *
 * `random`, in [0, 1), selects a value in its upper half, so that browsers do not all reconnect at the same time.
 */
export function pauseAfter(failures: number, random: number): number {
  const pause = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10));
  return Math.round(pause * (0.5 + random / 2));
}

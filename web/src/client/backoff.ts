/** How long to wait before another try, as a value. */

/** First pause; doubles up to the longest. */
const RETRY_FIRST_MS = 300;
const RETRY_LONGEST_MS = 10_000;

/**
 * The pause in milliseconds after so many failures.
 *
 * `random` in [0, 1) spreads it over the upper half, so that not all browsers come back at once.
 */
export function pauseAfter(failures: number, random: number): number {
  const longest = Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** Math.min(failures, 10));
  return Math.round(longest * (0.5 + random / 2));
}

/**
 * The drawn part of a long conversation.
 *
 * Called by `viewport.ts`. Computes with indexes only. At most `MAX_DRAWN` messages are in the DOM, even in a long
 * conversation.
 */

/** Maximum number of drawn messages. A screen shows about twenty messages. */
export const MAX_DRAWN = 120;
/** Number of messages by which the window moves in one frame. A slow device lays them out in 10 ms. */
export const STEP = 10;
/** Size of the window at the end of the conversation. */
export const INITIAL_SIZE = 40;

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Return the window of the newest messages. */
export function newest(length: number): Span {
  return { start: Math.max(0, length - INITIAL_SIZE), end: length };
}

/** Move towards older messages. */
export function earlier(span: Span): Span {
  const start = Math.max(0, span.start - STEP);
  return { start, end: Math.min(span.end, start + MAX_DRAWN) };
}

/** Move towards newer messages. */
export function later(span: Span, length: number): Span {
  const end = Math.min(length, span.end + STEP);
  return { start: Math.max(span.start, end - MAX_DRAWN), end };
}

/**
 * Return the window of the same messages after the list has changed.
 *
 * @param shift number of messages that were added before the window
 * @param grew whether the window showed the end of the list and must still show it
 */
export function follow(span: Span, shift: number, length: number, grew: boolean): Span {
  const start = Math.min(span.start + shift, length);
  const end = grew ? length : Math.min(span.end + shift, length);
  return { start: grew ? Math.max(start, end - MAX_DRAWN) : start, end };
}

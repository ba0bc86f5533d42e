/**
 * Which part of a long conversation stands in the page.
 *
 * Pure arithmetic on indexes: a conversation of thousands of messages never puts more than `MOST` of them into the
 * DOM. The view measures and scrolls; this file says what to draw.
 */

/** At most this many messages are drawn; a page of reading is about twenty. */
export const MOST = 120;
/** How far the window moves in one frame when its edge comes near: what a slow machine lays out in 10 ms. */
export const STEP = 10;
/** Drawn at first, and again when a reader at the end has let more than twice as many come. */
export const FIRST = 40;

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The newest messages. */
export function newest(length: number): Span {
  return { start: Math.max(0, length - FIRST), end: length };
}

/** Move towards older messages. */
export function earlier(span: Span): Span {
  const start = Math.max(0, span.start - STEP);
  return { start, end: Math.min(span.end, start + MOST) };
}

/** Move towards newer messages. */
export function later(span: Span, length: number): Span {
  const end = Math.min(length, span.end + STEP);
  return { start: Math.max(span.start, end - MOST), end };
}

/**
 * The same messages after the list changed.
 *
 * @param shift how many messages were put before the first of the window
 * @param grew whether the window showed the end of the list, and so goes on doing so
 */
export function follow(span: Span, shift: number, length: number, grew: boolean): Span {
  const start = Math.min(span.start + shift, length);
  const end = grew ? length : Math.min(span.end + shift, length);
  return { start: grew ? Math.max(start, end - MOST) : start, end };
}

/**
 * The scroll position and the part of the conversation that is drawn.
 *
 * Called by `panel.ts` before and after each drawing. At the end of the conversation, it scrolls to new messages.
 * Elsewhere, the first visible message stays in place while messages are added or removed. Must not draw.
 */

import type { Message } from "../client/wire";
import { earlier, follow, INITIAL_SIZE, later, newest, STEP, type Span } from "./window";

/** Distance to an edge, in pixels, at which the window moves. */
const NEAR_EDGE_PX = 600;
/** If the distance to the end is at most this many pixels, the visitor is at the end. */
const AT_END_PX = 48;

export class Viewport {
  span: Span = { start: 0, end: 0 };
  /** Whether new messages scroll into view. */
  following = true;
  private messages: readonly Message[] = [];
  private log: HTMLElement | null = null;
  private anchor: { element: Element; top: number } | null = null;

  constructor(private readonly moved: () => void) {}

  /** Use this scrolling element. Returns false if it is already in use. */
  attach(log: HTMLElement): boolean {
    if (this.log === log) return false;
    this.log = log;
    log.addEventListener("scroll", () => this.scrolled(), { passive: true });
    return true;
  }

  /** Adjust the window to a changed list. Call this before drawing. */
  update(messages: readonly Message[]): void {
    const known = this.messages;
    if (messages !== known) {
      const first = known[this.span.start];
      const at = first === undefined ? -1 : messages.indexOf(first);
      if (at === -1) {
        this.span = newest(messages.length);
        this.following = true;
      } else {
        const atEnd = this.span.end === known.length;
        this.span = follow(this.span, at - this.span.start, messages.length, atEnd);
        if (this.following && atEnd && this.span.end - this.span.start > 2 * INITIAL_SIZE)
          this.span = newest(messages.length);
      }
      this.messages = messages;
    }
    this.anchor = this.following ? null : this.findAnchor();
  }

  /** Restore the scroll position. Call this after drawing. */
  settle(): void {
    if (this.log === null) return;
    if (this.following) {
      this.log.scrollTop = this.log.scrollHeight;
    } else if (this.anchor?.element.isConnected === true) {
      const drift = this.anchor.element.getBoundingClientRect().top - this.anchor.top;
      if (Math.abs(drift) > 0.5) this.log.scrollTop += drift;
    }
    this.moveWindow();
  }

  /** Stay at the end after sizes have changed without a drawing. */
  stay(): void {
    if (this.following && this.log !== null) this.log.scrollTop = this.log.scrollHeight;
  }

  /** Whether newer messages exist that are not drawn. */
  get behind(): boolean {
    return this.span.end < this.messages.length;
  }

  toEnd(): void {
    this.span = newest(this.messages.length);
    this.following = true;
    this.moved();
  }

  /** Find the first visible message. */
  private findAnchor(): { element: Element; top: number } | null {
    const drawn = this.log?.firstElementChild?.children;
    if (this.log === null || drawn === undefined) return null;
    const edge = this.log.getBoundingClientRect().top;
    // Binary search: the nodes are in order.
    let low = 0;
    let high = drawn.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (drawn[middle]!.getBoundingClientRect().bottom > edge) high = middle;
      else low = middle + 1;
    }
    while (low < drawn.length && !drawn[low]!.hasAttribute("data-key")) low += 1;
    const element = drawn[low];
    return element === undefined ? null : { element, top: element.getBoundingClientRect().top };
  }

  private scrolled(): void {
    const log = this.log;
    if (log === null) return;
    const below = log.scrollHeight - log.scrollTop - log.clientHeight;
    const was = this.following;
    this.following = below < AT_END_PX && !this.behind;
    if (!this.moveWindow() && (was !== this.following || log.scrollTop < NEAR_EDGE_PX)) this.moved();
  }

  /**
   * Move the window if the visitor is near its edge. Returns whether it moved.
   *
   * This is also called after each drawing, because at the top, the arrival of older messages causes no scroll event.
   */
  private moveWindow(): boolean {
    const log = this.log;
    if (log === null || this.following) return false;
    const below = log.scrollHeight - log.scrollTop - log.clientHeight;
    if (log.scrollTop < NEAR_EDGE_PX && this.span.start > 0) this.span = earlier(this.span);
    else if (below < NEAR_EDGE_PX && this.behind) this.span = later(this.span, this.messages.length);
    else return false;
    this.moved();
    return true;
  }

  /** Whether the visitor is near the first loaded message. */
  get atBeginning(): boolean {
    return (
      this.log !== null &&
      !this.following &&
      this.span.start <= 2 * STEP &&
      this.log.scrollTop < 2 * NEAR_EDGE_PX
    );
  }

  /** Extend the window to all loaded messages. Returns a function that restores it. */
  showAll(): () => void {
    const before = this.span;
    this.span = { start: 0, end: this.messages.length };
    return () => (this.span = before);
  }
}

/**
 * Keeps a reader where they are while the conversation changes around them.
 *
 * Owns the window of drawn messages and the scroll position. At the end of the conversation it follows what arrives;
 * anywhere else the message under the reader's eyes stays where it is, whatever is added or removed.
 */

import type { Message } from "../client/wire";
import { earlier, FIRST, follow, later, newest, STEP, type Span } from "./window";

/** How near to an edge, in pixels, the window moves on. */
const NEAR = 600;
/** Within so many pixels of the end one reads the end. */
const AT_END = 48;

export class Viewport {
  span: Span = { start: 0, end: 0 };
  /** Whether the reader follows the end. */
  following = true;
  private messages: readonly Message[] = [];
  private log: HTMLElement | null = null;
  private anchor: { element: Element; top: number } | null = null;

  constructor(private readonly moved: () => void) {}

  /** Take over the scrolling element; returns true the first time. */
  attach(log: HTMLElement): boolean {
    if (this.log === log) return false;
    this.log = log;
    log.addEventListener("scroll", () => this.scrolled(), { passive: true });
    return true;
  }

  /** Adjust the window to a changed list; call before drawing. */
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
        if (this.following && atEnd && this.span.end - this.span.start > 2 * FIRST)
          this.span = newest(messages.length);
      }
      this.messages = messages;
    }
    this.anchor = this.following ? null : this.findAnchor();
  }

  /** Put the reader back where they were; call after drawing. */
  settle(): void {
    if (this.log === null) return;
    if (this.following) {
      this.log.scrollTop = this.log.scrollHeight;
    } else if (this.anchor?.element.isConnected === true) {
      const drift = this.anchor.element.getBoundingClientRect().top - this.anchor.top;
      if (Math.abs(drift) > 0.5) this.log.scrollTop += drift;
    }
    this.reach();
  }

  /** Sizes changed without anything being drawn: whoever reads the end goes on reading it. */
  stay(): void {
    if (this.following && this.log !== null) this.log.scrollTop = this.log.scrollHeight;
  }

  /** Whether newer messages exist than are drawn. */
  get behind(): boolean {
    return this.span.end < this.messages.length;
  }

  toEnd(): void {
    this.span = newest(this.messages.length);
    this.following = true;
    this.moved();
  }

  /** The first message that is to be seen. */
  private findAnchor(): { element: Element; top: number } | null {
    const drawn = this.log?.firstElementChild?.children;
    if (this.log === null || drawn === undefined) return null;
    const edge = this.log.getBoundingClientRect().top;
    // They stand in order: halving finds it.
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
    this.following = below < AT_END && !this.behind;
    if (!this.reach() && (was !== this.following || log.scrollTop < NEAR)) this.moved();
  }

  /**
   * Move the window on when the reader is near its edge; returns whether it moved.
   *
   * Also asked after each drawing: a reader who stands at the very top while older messages arrive above the window
   * scrolls no further, and no event would come.
   */
  private reach(): boolean {
    const log = this.log;
    if (log === null || this.following) return false;
    const below = log.scrollHeight - log.scrollTop - log.clientHeight;
    if (log.scrollTop < NEAR && this.span.start > 0) this.span = earlier(this.span);
    else if (below < NEAR && this.behind) this.span = later(this.span, this.messages.length);
    else return false;
    this.moved();
    return true;
  }

  /** Whether the reader comes near the first message that is loaded. */
  get atBeginning(): boolean {
    return (
      this.log !== null && !this.following && this.span.start <= 2 * STEP && this.log.scrollTop < 2 * NEAR
    );
  }

  /** Draw everything that is loaded, for the printer; returns a function that goes back. */
  showAll(): () => void {
    const before = this.span;
    this.span = { start: 0, end: this.messages.length };
    return () => (this.span = before);
  }
}

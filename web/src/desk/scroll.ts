/**
 * The scroll position of the open conversation: at its end, new messages scroll into view; elsewhere, what the operator
 * reads stays in place while messages are added before or after it.
 *
 * Called by `desk.ts` around each drawing. Must not draw.
 */

/** If the distance to the end is at most this many pixels, the operator is at the end. */
const AT_END_PX = 60;
/** Distance to the beginning at which older messages are loaded. */
const NEAR_START_PX = 200;

export class LogScroll {
  private log: HTMLElement | null = null;
  private shown: string | null = null;
  private following = true;
  private anchor: { element: Element; top: number } | null = null;

  constructor(private readonly nearStart: () => void) {}

  /** Show the end after the next drawing. */
  follow(): void {
    this.following = true;
  }

  before(log: HTMLElement | null): void {
    this.anchor = null;
    if (log === null || this.following) return;
    const edge = log.getBoundingClientRect().top;
    const element = [...log.querySelectorAll("[data-key]")].find(
      (each) => each.getBoundingClientRect().bottom > edge,
    );
    if (element !== undefined) this.anchor = { element, top: element.getBoundingClientRect().top };
  }

  after(log: HTMLElement | null, conversation: string | null): void {
    if (log === null) return;
    if (log !== this.log) {
      this.log = log;
      log.addEventListener("scroll", () => this.scrolled(log), { passive: true });
    }
    if (conversation !== this.shown) {
      this.shown = conversation;
      this.following = true;
    }
    if (this.following) log.scrollTop = log.scrollHeight;
    else if (this.anchor?.element.isConnected === true)
      log.scrollTop += this.anchor.element.getBoundingClientRect().top - this.anchor.top;
  }

  private scrolled(log: HTMLElement): void {
    this.following = log.scrollHeight - log.scrollTop - log.clientHeight <= AT_END_PX;
    if (!this.following && log.scrollTop < NEAR_START_PX) this.nearStart();
  }
}

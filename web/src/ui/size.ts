/**
 * The size of a chat that floats above the page: normal, large, or the whole window.
 *
 * Owns the attribute `size` and one stored key, so that the chat has the same size on the next page of this tab. Called
 * by `chat.ts`. The styles are in `styles.ts`.
 */

import type { KeyValueStore } from "../client/ports";

export type Size = "normal" | "large" | "full";

/** The width up to which an open chat always covers the page, as in `launcher.ts`. */
const NARROW = "(max-width: 30rem)";

export class SizeControl {
  /** The size to which the chat returns from the whole window. */
  private before: Size = "normal";

  constructor(
    private readonly element: HTMLElement,
    private readonly store: KeyValueStore,
    private readonly key: string,
  ) {
    const stored = store.get(key);
    if (stored !== null) element.setAttribute("size", stored);
  }

  /** Null if the chat has one size only, because it fills its container or a narrow window. */
  get size(): Size | null {
    if (this.element.getAttribute("layout") === "fill" || matchMedia(NARROW).matches) return null;
    const size = this.element.getAttribute("size");
    return size === "large" || size === "full" ? size : "normal";
  }

  toggleLarge(): void {
    this.set(this.size === "normal" ? "large" : "normal");
  }

  toggleFull(): void {
    const { size } = this;
    if (size === "full") this.set(this.before);
    else {
      this.before = size ?? "normal";
      this.set("full");
    }
  }

  private set(size: Size): void {
    this.store.set(this.key, size);
    this.element.setAttribute("size", size);
  }
}

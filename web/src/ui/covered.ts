/**
 * Keeps the chat above an on-screen keyboard that covers the page instead of shrinking it (iOS).
 *
 * Called by `chat.ts`. Sets `--covered` (how much of the panel's bottom is covered) and `--top` (how far the page is
 * scrolled up behind the keyboard); `launcher.ts` uses both. Must not react to zooming by pinching.
 */

/** A smaller covered height, in pixels, is a toolbar or a rounding error instead of a keyboard. */
const MIN_KEYBOARD_PX = 80;

export function keepAboveKeyboard(panel: HTMLElement, signal: AbortSignal): void {
  const view = window.visualViewport;
  if (view == null) return;
  const fit = (): void => {
    const bottom = Math.min(
      (panel.parentNode as ShadowRoot).host.getBoundingClientRect().bottom,
      innerHeight,
    );
    const covered = bottom - view.offsetTop - view.height;
    const isKeyboard = covered > MIN_KEYBOARD_PX && Math.abs(view.scale - 1) < 0.01;
    panel.style.setProperty("--covered", `${isKeyboard ? covered : 0}px`);
    panel.style.setProperty("--top", `${isKeyboard ? view.offsetTop : 0}px`);
  };
  view.addEventListener("resize", fit, { signal });
  view.addEventListener("scroll", fit, { signal });
  fit();
}

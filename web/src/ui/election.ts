/**
 * Chooses one of the site's tabs to notify the visitor of a message: without it, each tab would chime.
 *
 * Called by `chat.ts`. Tabs that do not share their storage do not share a conversation either.
 */

import type { KeyValueStore } from "../client/ports";

/** How long the others stay out of it: longer than a browser slows down the timers of a hidden tab. */
const TERM_MS = 5_000;

/** Call `act` unless another tab has already acted for `id`. */
export function inOneTab(store: KeyValueStore, scope: string, id: string, act: () => void): void {
  const key = `${scope}:notified`;
  const claim = (): boolean => {
    if (store.get(key) === id) return false;
    store.set(key, id);
    act();
    return true;
  };
  // A lock is atomic; storage is not quite, but is all that a page without HTTPS has.
  if (store.persistent && "locks" in navigator) {
    void navigator.locks.request(`${key}:${id}`, { ifAvailable: true }, (lock) =>
      lock !== null && claim() ? new Promise((over) => setTimeout(over, TERM_MS)) : undefined,
    );
  } else claim();
}

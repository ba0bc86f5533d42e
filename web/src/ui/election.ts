/**
 * Chooses the tab that notifies the visitor of a message, because otherwise each tab of the site would play a sound.
 *
 * Called by `chat.ts`. Tabs without common storage also have separate conversations.
 */

import type { KeyValueStore } from "../client/ports";

/** How long the other tabs do not act. Browsers delay the timers of hidden tabs by less than this. */
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
  // A lock is atomic. Storage is not, but pages without HTTPS have no locks.
  if (store.persistent && "locks" in navigator) {
    void navigator.locks.request(`${key}:${id}`, { ifAvailable: true }, (lock) =>
      lock !== null && claim() ? new Promise((over) => setTimeout(over, TERM_MS)) : undefined,
    );
  } else claim();
}

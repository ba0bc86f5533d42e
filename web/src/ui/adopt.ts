/**
 * Adopts the session that another chat has stored in this browser, so that the conversation continues after the site
 * switches to Manent.
 *
 * Called by `chat.ts` before the client starts. Must not change or delete the other chat's keys.
 */

import type { KeyValueStore } from "../client/ports";

/** Return the session id in another chat's stored value, which is the id or JSON with a `session_id`. */
export function foreignSession(raw: string | null): string | null {
  if (raw === null || raw === "") return null;
  if (!raw.startsWith("{") && !raw.startsWith('"')) return raw;
  try {
    const value: unknown = JSON.parse(raw);
    if (typeof value === "string") return value;
    const id = (value as { session_id?: unknown }).session_id;
    return typeof id === "string" && id !== "" ? id : null;
  } catch {
    return null; // an unknown format
  }
}

/** Store the first session found under `keys` as this chat's session, unless this chat already has a session. */
export function adoptSession(store: KeyValueStore, scope: string, keys: readonly string[]): void {
  if (keys.length === 0 || store.get(`${scope}:session`) !== null) return;
  for (const key of keys) {
    for (const storage of [localStorageOrNull(), sessionStorageOrNull()]) {
      const session_id = foreignSession(storage?.getItem(key) ?? null);
      if (session_id === null) continue;
      store.set(`${scope}:session`, JSON.stringify({ session_id }));
      return;
    }
  }
}

function localStorageOrNull(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null; // blocked by the browser
  }
}

function sessionStorageOrNull(): Storage | null {
  try {
    return sessionStorage;
  } catch {
    return null; // blocked by the browser
  }
}

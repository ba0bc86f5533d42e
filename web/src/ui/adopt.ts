/**
 * Takes over the session that another chat stored in this browser, so that a conversation continues after a switch.
 *
 * Called by `chat.ts` before the client starts. Must not change or delete the other chat's keys.
 */

import type { KeyValueStore } from "../client/ports";

/** Return the session id in another chat's stored value: the value itself, or the `session_id` of its JSON. */
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

/** Store the first session found under `keys` as this chat's own, unless it has one. */
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

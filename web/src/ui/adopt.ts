/** Takes over the session that another chat kept in this browser, so that a visitor in mid-conversation notices nothing. */

import type { KeyValueStore } from "../client/ports";

/** The session id inside another chat's stored value: the value itself, or the `session_id` of its JSON. */
export function foreignSession(raw: string | null): string | null {
  if (raw === null || raw === "") return null;
  if (!raw.startsWith("{") && !raw.startsWith('"')) return raw;
  try {
    const value: unknown = JSON.parse(raw);
    if (typeof value === "string") return value;
    const id = (value as { session_id?: unknown }).session_id;
    return typeof id === "string" && id !== "" ? id : null;
  } catch {
    return null; // not a format that we know
  }
}

/** Store the first session found under `keys` as ours, unless we have one. */
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
    return null; // blocked: nothing to take over
  }
}

function sessionStorageOrNull(): Storage | null {
  try {
    return sessionStorage;
  } catch {
    return null; // blocked: nothing to take over
  }
}

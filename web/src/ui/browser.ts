/**
 * The client's ports in a browser: storage and network.
 *
 * Called by `chat.ts` and `client.ts`. Must not throw when the browser blocks storage.
 */

import { memoryStore } from "../client/connect";
import type { KeyValueStore, Network } from "../client/ports";

export const browserNetwork: Network = {
  online: () => navigator.onLine,
  watch(changed) {
    const ending = new AbortController();
    const options = { signal: ending.signal };
    addEventListener("online", () => changed("online"), options);
    addEventListener("offline", () => changed("offline"), options);
    addEventListener("pageshow", (event) => event.persisted && changed("wake"), options);
    document.addEventListener(
      "visibilitychange",
      () => document.visibilityState === "visible" && changed("wake"),
      options,
    );
    return () => ending.abort();
  },
};

/**
 * Where the session is stored: `local` for all visits and tabs, `session` for one tab, `none` only until the page
 * closes.
 */
export type StorageKind = "local" | "session" | "none";

/** Return the browser's storage, or a store in memory if storage is blocked. */
export function browserStore(kind: StorageKind): KeyValueStore {
  if (kind === "none") return memoryStore();
  let storage: Storage;
  try {
    storage = kind === "local" ? localStorage : sessionStorage;
    storage.setItem("manent:probe", "1");
    storage.removeItem("manent:probe");
  } catch {
    return memoryStore(); // blocked by a setting or a sandboxed frame; the chat shows a notice
  }
  // Values that did not fit into a full storage. This page uses them, but the next visit does not have them.
  const unstored = new Map<string, string>();
  return {
    persistent: true,
    get: (key) => unstored.get(key) ?? storage.getItem(key),
    set(key, value) {
      try {
        storage.setItem(key, value);
        unstored.delete(key);
      } catch {
        unstored.set(key, value);
      }
    },
    remove(key) {
      unstored.delete(key);
      storage.removeItem(key);
    },
    keys: (prefix) =>
      [...new Set([...Object.keys(storage), ...unstored.keys()])].filter((key) => key.startsWith(prefix)),
    watch(changed) {
      const listener = (event: StorageEvent): void => {
        if (event.storageArea !== storage || event.key === null) return;
        unstored.delete(event.key); // the other tab's value is newer
        changed(event.key);
      };
      addEventListener("storage", listener);
      return () => removeEventListener("storage", listener);
    },
  };
}

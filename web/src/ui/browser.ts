/** The browser's side of the client's ports: storage and network. */

import { memoryStore } from "../client/connect";
import type { KeyValueStore, Network } from "../client/ports";

export const browserNetwork: Network = {
  online: () => navigator.onLine,
  watch(changed) {
    const end = new AbortController();
    const options = { signal: end.signal };
    addEventListener("online", () => changed("online"), options);
    addEventListener("offline", () => changed("offline"), options);
    addEventListener("pageshow", (event) => event.persisted && changed("wake"), options);
    document.addEventListener(
      "visibilitychange",
      () => document.visibilityState === "visible" && changed("wake"),
      options,
    );
    return () => end.abort();
  },
};

/** Where a chat remembers: `local` across visits and tabs, `session` for one tab, `none` for the page's life. */
export type StorageKind = "local" | "session" | "none";

/** The browser's storage, or memory where it is blocked. */
export function browserStore(kind: StorageKind): KeyValueStore {
  if (kind === "none") return memoryStore();
  let storage: Storage;
  try {
    storage = kind === "local" ? localStorage : sessionStorage;
    storage.setItem("manent:probe", "1");
    storage.removeItem("manent:probe");
  } catch {
    return memoryStore(); // blocked by the visitor, the browser or a sandboxed frame: said in a notice
  }
  return {
    persistent: true,
    get: (key) => storage.getItem(key),
    set(key, value) {
      try {
        storage.setItem(key, value);
      } catch {
        // Full. The page's own copy still works; what is lost is the next visit's.
      }
    },
    remove: (key) => storage.removeItem(key),
    keys: (prefix) => Object.keys(storage).filter((key) => key.startsWith(prefix)),
    watch(changed) {
      const told = (event: StorageEvent): void => {
        if (event.storageArea === storage && event.key !== null) changed(event.key);
      };
      addEventListener("storage", told);
      return () => removeEventListener("storage", told);
    },
  };
}

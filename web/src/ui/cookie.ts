/**
 * Stores the session in a cookie, so that the subdomains of a site share the conversation (attribute `cookie-domain`).
 *
 * Called by `chat.ts`. The browser sends the cookie to every server of the domain, and every script of the domain can
 * read it, so a site must choose this. Owns the cookie; all other keys stay in the store.
 */

import type { KeyValueStore } from "../client/ports";
import type { Basics } from "./basics";

/** 400 days, the longest time that browsers accept. */
const KEEP_S = 34_560_000;

function read(name: string): string | null {
  const found = document.cookie.split("; ").find((cookie) => cookie.startsWith(`${name}=`));
  if (found === undefined) return null;
  try {
    return decodeURIComponent(found.slice(name.length + 1));
  } catch {
    return null; // damaged
  }
}

/** Return the store, with the session in a cookie if the site wants this. */
export function shareSession(store: KeyValueStore, basics: Basics): KeyValueStore {
  const { cookie_domain, scope, storage } = basics;
  if (cookie_domain === "" || storage !== "local") return store;
  const key = `${scope}:session`;
  const name = encodeURIComponent(key); // starts with "manent%", for which `remembered.ts` looks
  const write = (value: string, seconds: number): void => {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${name}=${encodeURIComponent(value)}; Domain=${cookie_domain}; Path=/; Max-Age=${seconds}; SameSite=Strict${secure}`;
  };
  // Move a session from the time before the cookie. A copy in the store would outlive a sign-out on another subdomain.
  const before = read(name) ?? store.get(key);
  write(before ?? "probe", KEEP_S);
  if (read(name) === null) {
    console.warn(
      `manent-chat: the browser does not accept a cookie for cookie-domain="${cookie_domain}", so the conversation is not shared. ` +
        "The domain must be the one of this page, or a parent of it, and the browser must allow cookies.",
    );
    return store;
  }
  if (before === null) write("", 0);
  store.remove(key);
  // Cookies send no events: a key in the store notifies the other tabs of this origin.
  const changes = `${key}:changed`;
  const set = (value: string, seconds: number): void => {
    write(value, seconds);
    store.set(changes, String(Date.now()));
  };
  return {
    persistent: true,
    get: (wanted) => (wanted === key ? read(name) : store.get(wanted)),
    set: (wanted, value) => (wanted === key ? set(value, KEEP_S) : store.set(wanted, value)),
    remove: (wanted) => (wanted === key ? set("", 0) : store.remove(wanted)),
    keys: (prefix) => store.keys(prefix),
    watch(changed) {
      let known = read(name);
      const stop = store.watch((each) => changed(each === changes ? key : each));
      // Another subdomain has changed the conversation while this page was hidden.
      const look = (): void => {
        const now = read(name);
        if (document.visibilityState === "hidden" || now === known) return;
        known = now;
        changed(key);
      };
      document.addEventListener("visibilitychange", look);
      return () => {
        document.removeEventListener("visibilitychange", look);
        stop();
      };
    },
  };
}

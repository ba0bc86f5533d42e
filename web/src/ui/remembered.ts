/**
 * The stored data about this visitor that the element reads before the chat is loaded: the session, the number of
 * unread messages, whether the chat is open, and whether the visitor has ever opened or closed it.
 *
 * Called by `element.ts`. Part of the first download of every page. Must not throw when the browser blocks storage.
 */

import type { Basics } from "./basics";

/**
 * `open` belongs to the tab, and `met` to all tabs: the visitor has opened or closed the chat or a teaser. All tabs share
 * the other keys, unless the site stores the conversation for one tab.
 */
export type Remembered = "open" | "session" | "unread" | "met";

function storageOf(basics: Basics, name: Remembered): Storage | null {
  if (basics.storage === "none") return null;
  try {
    const isOfTab = name === "open" || (basics.storage === "session" && name !== "met");
    return isOfTab ? sessionStorage : localStorage;
  } catch {
    return null; // blocked by the browser
  }
}

export function remembered(basics: Basics, name: Remembered): string | null {
  // Any chat's cookie: a page with several chats then loads one of them early.
  if (basics.cookie_domain && name === "session" && document.cookie.includes("manent%")) return "";
  return storageOf(basics, name)?.getItem(`${basics.scope}:${name}`) ?? null;
}

/** Store a value. null removes the key. */
export function remember(basics: Basics, name: Remembered, value: string | null): void {
  const key = `${basics.scope}:${name}`;
  try {
    if (value === null) storageOf(basics, name)?.removeItem(key);
    else storageOf(basics, name)?.setItem(key, value);
  } catch {
    // Storage is full, so the next page does not have this value.
  }
}

/**
 * Fills the gap between the messages that a client has and the newest page, by paging back.
 *
 * Called by `dialects/protocol1.ts`. Keeps no state. Sends requests with the function `page`.
 */

import type { Message, PageAnswer } from "./wire";

/** Maximum number of messages to read for a gap. If the gap is larger, the newest page replaces the list. */
const MAX_GAP = 2_000;
const MAX_PAGE = 200;

export interface Filled {
  readonly messages: Message[];
  readonly has_more: boolean;
  /** Whether `messages` directly follow the messages that were known before. */
  readonly continues: boolean;
}

/**
 * Read older pages before `messages` until number `known` is reached.
 *
 * `page` fetches the messages before a number. If it fails, return only the newest page.
 */
export async function fillGap(
  known: number,
  messages: Message[],
  has_more: boolean,
  page: (before: number, limit: number) => Promise<PageAnswer>,
): Promise<Filled> {
  const all = [...messages];
  let more = has_more;
  try {
    while (more && all.length < MAX_GAP) {
      const oldest = all.reduce((seq, message) => Math.min(seq, message.seq), Infinity);
      if (oldest <= known) return { messages: all, has_more: more, continues: true };
      const older = await page(oldest, MAX_PAGE);
      if (older.messages.some((message) => message.seq <= known)) {
        return { messages: [...older.messages, ...all], has_more: older.has_more, continues: true };
      }
      all.unshift(...older.messages);
      more = older.has_more && older.messages.length > 0;
    }
  } catch {
    // The newest page replaces the list. Scrolling up loads the rest.
    return { messages, has_more, continues: false };
  }
  return { messages: all, has_more: more, continues: false };
}

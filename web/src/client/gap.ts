/** Fills the hole between what a browser has and the newest page, by paging back. */

import type { Message, PageAnswer } from "./wire";

/** Filling a gap reads at most this many messages; beyond, the list starts afresh. */
const LARGEST_GAP = 2_000;
const PAGE_LARGEST = 200;

export interface Filled {
  readonly messages: Message[];
  readonly has_more: boolean;
  /** Whether nothing is missing between what was known and `messages`. */
  readonly continues: boolean;
}

/**
 * Page back from `messages` until `known` is met.
 *
 * `page` asks for the messages before a number; where it fails, the newest page is all there is.
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
    while (more && all.length < LARGEST_GAP) {
      const oldest = all.reduce((seq, message) => Math.min(seq, message.seq), Infinity);
      if (oldest <= known) return { messages: all, has_more: more, continues: true };
      const older = await page(oldest, PAGE_LARGEST);
      if (older.messages.some((message) => message.seq <= known)) {
        return { messages: [...older.messages, ...all], has_more: older.has_more, continues: true };
      }
      all.unshift(...older.messages);
      more = older.has_more && older.messages.length > 0;
    }
  } catch {
    // The list starts afresh from the newest page; paging up reads the rest.
    return { messages, has_more, continues: false };
  }
  return { messages: all, has_more: more, continues: false };
}

/**
 * The visitor's ratings of replies: a thumb up or down.
 *
 * Owns one stored key, so that a reload shows the ratings of this conversation. Called by `chat.ts` and `panel.ts`. Must
 * not know how a rating is sent.
 */

import type { KeyValueStore } from "../client/ports";
import type { ChatState } from "../state/state";

export type Thumb = "up" | "down";

/** Maximum number of stored ratings. */
const MAX_STORED = 200;

export class Thumbs {
  private readonly key: string;
  private given = new Map<number, Thumb>();
  private conversation = "";

  constructor(
    private readonly store: KeyValueStore,
    scope: string,
  ) {
    this.key = `${scope}:thumbs`;
  }

  /** Return the rating of the message `seq`, or null. */
  get(state: ChatState, seq: number): Thumb | null {
    this.read(state);
    return this.given.get(seq) ?? null;
  }

  set(state: ChatState, seq: number, thumb: Thumb | null): void {
    this.read(state);
    this.given.delete(seq); // so that the newest rating is the last one
    if (thumb !== null) this.given.set(seq, thumb);
    const ratings = [...this.given].slice(-MAX_STORED).map(([at, value]) => `${at}:${value}`);
    this.store.set(this.key, `${ratings.join()} ${this.conversation}`);
  }

  /** Read the ratings of this conversation, if it has changed. Ratings of another conversation are ignored. */
  private read({ session_id, epoch }: ChatState): void {
    const conversation = `${session_id} ${epoch}`;
    if (conversation === this.conversation) return;
    this.conversation = conversation;
    const [ratings, ...stored] = (this.store.get(this.key) ?? "").split(" ");
    const pairs = stored.join(" ") === conversation ? ratings!.split(",") : [];
    this.given = new Map();
    for (const [seq, value] of pairs.map((pair) => pair.split(":")))
      if (value === "up" || value === "down") this.given.set(Number(seq), value);
  }
}

/**
 * How far the visitor has read, across page loads and tabs.
 *
 * Owns one stored key. Called by `chat.ts`. Ignores the mark of another or an erased conversation.
 */

import type { KeyValueStore } from "../client/ports";
import type { ChatState } from "../state/state";

export class ReadMark {
  private readonly key: string;

  constructor(
    private readonly store: KeyValueStore,
    scope: string,
  ) {
    this.key = `${scope}:read`;
  }

  /** Return the number of the last message that was read in this conversation, or null if there is no mark. */
  get({ session_id, epoch }: Pick<ChatState, "session_id" | "epoch">): number | null {
    const [seq, ...conversation] = (this.store.get(this.key) ?? "").split(" ");
    return conversation.join(" ") === `${session_id} ${epoch}` ? Number(seq) : null;
  }

  /** Store that a conversation is read up to `state.read`. */
  set(state: ChatState): void {
    const { session_id, epoch, read } = state;
    if (session_id === null || read <= (this.get(state) ?? -1)) return;
    this.store.set(this.key, `${read} ${session_id} ${epoch}`);
  }

  /** Call `changed` when another tab has read something. */
  watch(changed: () => void): () => void {
    return this.store.watch((key) => key === this.key && changed());
  }
}

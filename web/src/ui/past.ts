/**
 * Loads older messages, one page at a time.
 *
 * Owns the running request. Called by `chat.ts`. Must not use the DOM.
 */

import type { ConversationClient } from "../client/client";
import type { ChatEvent, ChatState } from "../state/state";

export class Past {
  private running: Promise<void> | null = null;

  constructor(
    private readonly client: ConversationClient,
    private readonly state: () => ChatState,
    private readonly dispatch: (event: ChatEvent) => void,
  ) {}

  /** Load the page before the first message. Concurrent calls share one request. */
  load(): Promise<void> {
    this.running ??= this.loadOnce().finally(() => (this.running = null));
    return this.running;
  }

  /** Load all older messages. Returns false if some could not be loaded. */
  async all(): Promise<boolean> {
    while (this.state().has_more) {
      const first = this.state().messages[0];
      await this.load();
      if (this.state().messages[0] === first) break; // no message was loaded, so the loop would never end
    }
    return !this.state().has_more;
  }

  private async loadOnce(): Promise<void> {
    const first = this.state().messages[0];
    if (first === undefined) return;
    this.dispatch({ type: "loading_older" });
    await this.client.loadOlder(first.seq);
  }
}

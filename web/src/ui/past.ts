/** Reads what was said before what is loaded: one page at a time, however many ask. Knows no DOM. */

import type { ConversationClient } from "../client/client";
import type { ChatEvent, ChatState } from "../state/state";

export class Past {
  private running: Promise<void> | null = null;

  constructor(
    private readonly client: ConversationClient,
    private readonly state: () => ChatState,
    private readonly dispatch: (event: ChatEvent) => void,
  ) {}

  /** Load the page before; who asks meanwhile waits for the same page. */
  load(): Promise<void> {
    this.running ??= this.loadOnce().finally(() => (this.running = null));
    return this.running;
  }

  /** Load everything; false: some of it could not be loaded. */
  async all(): Promise<boolean> {
    while (this.state().has_more) {
      const first = this.state().messages[0];
      await this.load();
      if (this.state().messages[0] === first) break; // nothing came: asking again would not end
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

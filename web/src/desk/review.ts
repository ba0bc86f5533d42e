/**
 * The tab *Review*: texts of visitors, most uncertain first, to confirm, correct or discard with one key.
 *
 * Owns the list and the position in it. A decision moves on at once and is sent behind it; if it fails, the text comes
 * back. Called by `desk.ts` and `views/review.ts`.
 */

import type { Api } from "./api";
import { readUnreviewed, type Unreviewed } from "./wire";

export class Review {
  state: "idle" | "loading" | "ready" | "failed" = "idle";
  messages: readonly Unreviewed[] = [];
  intents: readonly string[] = [];
  done = 0;
  /** Whether the operator chooses another intent. */
  correcting = false;
  /** Why the last decision was not stored. */
  error = "";

  constructor(
    private readonly api: Api,
    private readonly changed: () => void,
  ) {}

  get current(): Unreviewed | null {
    return this.messages[0] ?? null;
  }

  async load(): Promise<void> {
    this.state = "loading";
    this.changed();
    try {
      const { messages, intents } = readUnreviewed(
        await this.api.get("review/messages", { sort: "uncertain" }),
      );
      this.messages = messages;
      const seen = messages.map(({ intent }) => intent).filter((intent) => intent !== "");
      this.intents = [...new Set([...intents, ...seen, ...this.intents])].sort();
      this.state = "ready";
    } catch {
      this.state = "failed";
    }
    this.changed();
  }

  confirm(): void {
    const message = this.current;
    if (message !== null && message.intent !== "") void this.decide(message, message.intent);
  }

  correct(intent: string): void {
    const message = this.current;
    if (message !== null && intent.trim() !== "") void this.decide(message, intent.trim());
  }

  discard(): void {
    if (this.current !== null) void this.decide(this.current, null);
  }

  choose(on: boolean): void {
    this.correcting = on;
    this.changed();
    if (on) queueMicrotask(() => document.querySelector<HTMLElement>("#intent")?.focus());
  }

  /** Handle a key outside text fields. Returns whether it meant something here. */
  pressed(event: KeyboardEvent): boolean {
    if (event.ctrlKey || event.metaKey || event.altKey || this.current === null) return false;
    if (event.repeat) return false; // a key that is held down must not decide about texts that nobody has read
    const isButton = (event.target as Element).matches("button, a");
    if (event.key === "Enter" && !isButton) this.confirm();
    else if (event.key === "c") this.choose(true);
    else if (event.key === "x") this.discard();
    else return false;
    event.preventDefault();
    return true;
  }

  private async decide(message: Unreviewed, intent: string | null): Promise<void> {
    this.messages = this.messages.filter((other) => other !== message);
    this.done += 1;
    this.correcting = false;
    this.error = "";
    this.changed();
    try {
      const { text, entities } = message;
      const kept = intent === message.intent ? [...entities] : [];
      await this.api.post("review/annotations", { text, intent, entities: kept });
      if (this.messages.length === 0) await this.load();
    } catch (error) {
      this.messages = [message, ...this.messages];
      this.done -= 1;
      this.error = error instanceof Error ? error.message : String(error);
    }
    this.changed();
  }
}

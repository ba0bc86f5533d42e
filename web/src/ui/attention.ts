/**
 * Tells the visitor that the bot has said something: those who listen, and those who look elsewhere.
 *
 * Owns what is announced to screen readers and the number in the page's title. Does what the visitor switched on,
 * nothing else.
 */

import { canSpeak, chime, hush, mayNotify, notify, speak, TitleCount } from "./media";
import type { Preference, Preferences } from "./preferences";

/** How long a screen reader has to notice an announcement. */
const ANNOUNCED_MS = 4_000;

export interface Announcement {
  readonly key: number;
  readonly sentence: string;
}

export class Attention {
  /** What a screen reader shall read out, each in a node of its own: the same words twice are heard twice. */
  announced: readonly Announcement[] = [];
  private announcements = 0;
  private readonly forgetting = new Set<ReturnType<typeof setTimeout>>();
  private readonly titleCount = new TitleCount();

  constructor(
    private readonly preferences: Preferences,
    /** `announced` has changed. */
    private readonly changed: () => void,
  ) {}

  /** Have a screen reader read it out. */
  announce(sentence: string): void {
    const announcement = { key: (this.announcements += 1), sentence };
    this.announced = [...this.announced, announcement];
    this.changed();
    // Read out by then; who walks through the page shall not meet it a second time.
    const timer = setTimeout(() => {
      this.forgetting.delete(timer);
      this.announced = this.announced.filter((other) => other !== announcement);
      this.changed();
    }, ANNOUNCED_MS);
    this.forgetting.add(timer);
  }

  /** Say it in this language. */
  readAloud(words: string, language: string): void {
    if (this.preferences.has("read_aloud") && canSpeak()) speak(words, language);
  }

  /** Tell somebody who does not look; a click on the notification calls `clicked`. */
  call(heading: string, words: string, clicked: () => void): void {
    if (this.preferences.has("sound")) chime();
    if (this.preferences.has("notifications")) notify(heading, words, clicked);
  }

  /** So many messages are unread. */
  count(unread: number): void {
    this.titleCount.show(unread);
  }

  /** Switch a way of being told on or off; the browser may have to be asked. */
  async switch(preference: Preference): Promise<void> {
    const on = !this.preferences.has(preference);
    if (on && preference === "notifications" && !(await mayNotify())) return;
    this.preferences.set(preference, on);
    if (on && preference === "sound") chime();
    if (!on && preference === "read_aloud") hush();
    this.changed();
  }

  stop(): void {
    for (const timer of this.forgetting) clearTimeout(timer);
    hush();
  }
}

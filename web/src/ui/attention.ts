/**
 * Notifies the visitor of a reply by screen reader, sound, notification, speech, and a number in the page's title.
 *
 * Owns the announcements and the title. Called by `chat.ts`. Must not use sound, notifications or speech unless the
 * visitor has switched them on.
 */

import { canSpeak, chime, hush, mayNotify, notify, speak, TitleCount } from "./media";
import type { Preference, Preferences } from "./preferences";
import type { Announcement } from "./views/shell";

/** How long an announcement stays in the page, where screen readers detect it. */
const ANNOUNCED_MS = 4_000;

export class Attention {
  /** Texts for screen readers. Each text has a separate node, so that a repeated text is announced again. */
  announced: readonly Announcement[] = [];
  private announcements = 0;
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private readonly titleCount = new TitleCount();

  constructor(
    private readonly preferences: Preferences,
    /** Called when `announced` has changed. */
    private readonly changed: () => void,
  ) {}

  /** Announce a sentence to screen readers. */
  announce(sentence: string): void {
    const announcement = { key: (this.announcements += 1), sentence };
    this.announced = [...this.announced, announcement];
    this.changed();
    // Remove the node afterwards, so that a screen reader does not read it again as part of the page.
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.announced = this.announced.filter((other) => other !== announcement);
      this.changed();
    }, ANNOUNCED_MS);
    this.timers.add(timer);
  }

  /** Read a text aloud if the visitor has switched that on. */
  readAloud(text: string, language: string): void {
    if (this.preferences.has("read_aloud") && canSpeak()) speak(text, language);
  }

  /** Notify a visitor who does not see the chat. A click on the notification calls `clicked`. */
  call(heading: string, text: string, clicked: () => void): void {
    if (this.preferences.has("sound")) chime();
    if (this.preferences.has("notifications")) notify(heading, text, clicked);
  }

  /** Show the number of unread messages in the title. */
  count(unread: number): void {
    this.titleCount.show(unread);
  }

  /**
   * Switch a preference. For notifications, the browser asks the visitor for permission. Returns false if the browser
   * does not allow them.
   */
  async switch(preference: Preference): Promise<boolean> {
    const on = !this.preferences.has(preference);
    if (on && preference === "notifications" && !(await mayNotify())) return false;
    this.preferences.set(preference, on);
    if (on && preference === "sound") chime();
    if (!on && preference === "read_aloud") hush();
    this.changed();
    return true;
  }

  stop(): void {
    for (const timer of this.timers) clearTimeout(timer);
    hush();
  }
}

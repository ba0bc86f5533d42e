/**
 * Calls operators: sound, notification and a number in the page's title, in one of their tabs.
 *
 * Owns the two preferences. Called by `desk.ts`. Must not decide what is worth a call.
 */

import type { KeyValueStore } from "../client/ports";
import { inOneTab } from "../ui/election";
import { canNotify, chime, mayNotify, notify, TitleCount } from "../ui/media";

export type Preference = "sound" | "notifications";

export class Alerts {
  private readonly title = new TitleCount();

  constructor(
    private readonly store: KeyValueStore,
    private readonly scope: string,
  ) {}

  /** The sound is on until it is switched off; notifications need the browser's permission first. */
  has(preference: Preference): boolean {
    const stored = this.store.get(`${this.scope}:${preference}`);
    return preference === "sound" ? stored !== "off" : stored === "on" && canNotify();
  }

  /** Switch a preference. Returns false if the browser does not allow notifications. */
  async switch(preference: Preference): Promise<boolean> {
    const on = !this.has(preference);
    if (on && preference === "notifications" && !(canNotify() && (await mayNotify()))) return false;
    this.store.set(`${this.scope}:${preference}`, on ? "on" : "off");
    if (on && preference === "sound") chime();
    return true;
  }

  /** Call the operator once for `id`, in the visible tab if there is one. A click on the notification calls `clicked`. */
  call(id: string, title: string, text: string, clicked: () => void): void {
    const pause = document.visibilityState === "visible" ? 0 : 300;
    setTimeout(() => {
      inOneTab(this.store, this.scope, id, () => {
        if (this.has("sound")) chime();
        if (this.has("notifications")) notify(title, text, clicked);
      });
    }, pause);
  }

  count(waiting: number): void {
    this.title.show(waiting);
  }
}

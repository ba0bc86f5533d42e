/**
 * The functions that the visitor has switched on in the menu. All of them are off by default.
 *
 * Owns one stored key. Called by `attention.ts` and `menu.ts`. Must not act on a preference.
 */

import type { KeyValueStore } from "../client/ports";

export type Preference = "sound" | "notifications" | "read_aloud";

export class Preferences {
  private readonly on: Set<string>;

  constructor(
    private readonly store: KeyValueStore,
    private readonly scope: string,
  ) {
    this.on = new Set((store.get(`${scope}:preferences`) ?? "").split(" "));
  }

  has(preference: Preference): boolean {
    return this.on.has(preference);
  }

  set(preference: Preference, on: boolean): void {
    if (on) this.on.add(preference);
    else this.on.delete(preference);
    this.store.set(`${this.scope}:preferences`, [...this.on].filter(Boolean).join(" "));
  }
}

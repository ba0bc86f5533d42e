/** The session this browser belongs to: its id and token, remembered between visits and shared by its tabs. */

import type { KeyValueStore } from "./ports";
import { isObject } from "./wire";

export interface StoredSession {
  session_id: string;
  session_token?: string;
  epoch?: string;
}

export class SessionMemory {
  private readonly key: string;

  constructor(
    private readonly store: KeyValueStore,
    scope: string,
  ) {
    this.key = `${scope}:session`;
  }

  owns(key: string): boolean {
    return key === this.key;
  }

  get(): StoredSession | null {
    const raw = this.store.get(this.key);
    if (raw === null) return null;
    try {
      const value: unknown = JSON.parse(raw);
      if (!isObject(value) || typeof value["session_id"] !== "string") return null;
      const session: StoredSession = { session_id: value["session_id"] };
      if (typeof value["session_token"] === "string") session.session_token = value["session_token"];
      if (typeof value["epoch"] === "string") session.epoch = value["epoch"];
      return session;
    } catch {
      return null; // damaged: as good as none
    }
  }

  set(session: StoredSession): void {
    const raw = JSON.stringify(session);
    if (this.store.get(this.key) !== raw) this.store.set(this.key, raw);
  }

  forget(): void {
    this.store.remove(this.key);
  }
}

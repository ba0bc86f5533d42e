/**
 * The tab *Search*: a question and its hits.
 *
 * Owns the question and the running request. Called by `desk.ts` and `views/search.ts`.
 */

import type { Api } from "./api";
import { readHits, type Hit } from "./wire";

/** Pause after a letter before the search begins. */
const PAUSE_MS = 250;

export class Search {
  query = "";
  hits: readonly Hit[] = [];
  state: "idle" | "loading" | "ready" | "failed" = "idle";
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly api: Api,
    private readonly changed: () => void,
  ) {}

  write(query: string): void {
    this.query = query;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.run(), PAUSE_MS);
    this.changed();
  }

  async run(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    const query = this.query.trim();
    this.state = query === "" ? "idle" : "loading";
    this.changed();
    if (query === "") return;
    try {
      const hits = readHits(await this.api.get("search", { q: query, limit: 50 }));
      if (query !== this.query.trim()) return; // the operator has written on
      this.hits = hits;
      this.state = "ready";
    } catch {
      if (query !== this.query.trim()) return;
      this.state = "failed";
    }
    this.changed();
  }
}

/** Split a snippet into parts; those that match the query are marked. */
export function marked(snippet: string, query: string): { text: string; hit: boolean }[] {
  const words = query
    .trim()
    .split(/\s+/)
    .filter((word) => word !== "")
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  if (words.length === 0) return [{ text: snippet, hit: false }];
  const parts = snippet.split(new RegExp(`(${words.join("|")})`, "giu"));
  return parts.map((text, index) => ({ text, hit: index % 2 === 1 })).filter(({ text }) => text !== "");
}

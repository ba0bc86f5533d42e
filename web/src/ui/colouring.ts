/**
 * Colours code, as soon as the rules of languages are loaded.
 *
 * Owns a cache of coloured code. Loads `highlight/` when the first code with a language appears. Called by `panel.ts`.
 * Without the rules, code has no colours.
 */

import type { Token, tokens } from "./highlight/tokens";

/** Size of the cache: several times the number of code blocks that are drawn at the same time. */
const MAX_CACHED = 200;

export class Colouring {
  private split: typeof tokens | null = null;
  private loading = false;
  private readonly cache = new Map<string, readonly Token[] | null>();

  constructor(
    /** Add styles to the chat. */
    private readonly adopt: (css: string) => void,
    /** The rules are loaded: draw again. */
    private readonly loaded: () => void,
  ) {}

  /** Return the coloured pieces of a code, or null if there are none (yet) for this language. */
  tokens(code: string, language: string): readonly Token[] | null {
    if (language === "") return null;
    if (this.split === null) {
      void this.load();
      return null;
    }
    const key = `${language} ${code}`;
    let found = this.cache.get(key);
    if (found === undefined) {
      if (this.cache.size >= MAX_CACHED) this.cache.clear();
      this.cache.set(key, (found = this.split(code, language)));
    }
    return found;
  }

  private async load(): Promise<void> {
    if (this.loading) return;
    this.loading = true; // stays true after a failure: code without colours is readable
    try {
      const { codeStyles, tokens } = await import("./highlight");
      this.split = tokens;
      this.adopt(codeStyles);
      this.loaded();
    } catch (error) {
      console.error(
        "manent-chat: the colours of code could not be loaded; showing code without colours",
        error,
      );
    }
  }
}

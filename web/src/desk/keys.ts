/**
 * The keyboard shortcuts.
 *
 * Called by `desk.ts`. Pure: says what a key means, and does nothing.
 */

export type Command = "next" | "previous" | "reply" | "take" | "hand_back" | "search" | "help" | "leave";

const COMMANDS: Readonly<Record<string, Command>> = {
  j: "next",
  k: "previous",
  r: "reply",
  t: "take",
  b: "hand_back",
  "/": "search",
  "?": "help",
};

/** The same by the place of the key, for keyboards without Latin letters. */
const PLACES: Readonly<Record<string, Command>> = {
  KeyJ: "next",
  KeyK: "previous",
  KeyR: "reply",
  KeyT: "take",
  KeyB: "hand_back",
};

export interface Pressed {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly isComposing: boolean;
}

/** Return what a key means; null for nothing. In a text field, a letter is a letter. */
export function commandOf(event: Pressed, isWriting: boolean): Command | null {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return null;
  if (event.key === "Escape") return "leave";
  if (isWriting) return null;
  return COMMANDS[event.key] ?? (/^[ -~]+$/.test(event.key) ? null : (PLACES[event.code] ?? null));
}

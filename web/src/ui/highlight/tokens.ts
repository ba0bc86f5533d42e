/**
 * Splits code into coloured pieces.
 *
 * Loaded by `colouring.ts` when the first code with a language appears. Pure. It recognizes comments, strings, numbers,
 * keywords and names, but not the grammar of a language. Hostile input takes bounded time, because long code is not
 * coloured.
 */

import { GRAMMARS, LANGUAGES } from "./grammars";

/** The kind of a piece, which is part of its CSS class. `""` is plain text. */
export type Kind = "" | "comment" | "string" | "number" | "keyword" | "name" | "added" | "removed";

export type Token = readonly [Kind, string];

/** Longer code is not coloured. */
const MAX_LENGTH = 20_000;

/** Return the pieces of a code, which together are the code. Returns null for an unknown language and for long code. */
export function tokens(code: string, language: string): readonly Token[] | null {
  const grammar = GRAMMARS[LANGUAGES.get(language) ?? ""];
  if (grammar === undefined || code.length > MAX_LENGTH) return null;
  const found: [Kind, string][] = [];
  const add = (kind: Kind, text: string): void => {
    const last = found.at(-1);
    if (text === "") return;
    if (last?.[0] === kind) last[1] += text;
    else found.push([kind, text]);
  };
  let at = 0;
  for (const match of code.matchAll(grammar.pattern)) {
    const [text] = match;
    const end = match.index + text.length;
    const kind = Object.keys(match.groups!).find((name) => match.groups![name] !== undefined)!;
    const word = grammar.ignoreCase === true ? text.toLowerCase() : text;
    add("", code.slice(at, match.index));
    if (kind !== "word") add(kind as Kind, text);
    else if (grammar.keywords?.has(word)) add("keyword", text);
    else add(code[end] === "(" ? "name" : "", text);
    at = end;
  }
  add("", code.slice(at));
  return found;
}

/**
 * Parses a subset of Markdown into a tree.
 *
 * Called by `ui/views/markdown.ts` and `content.ts`. Pure. Must not produce markup: HTML in a message stays text. Each
 * line is read once and nesting is bounded, so hostile input takes bounded time. Supported: paragraphs, line breaks,
 * headings, lists (nested by indentation), quotes, fenced code, tables, rules, **strong**, *emphasis*, ~~strike~~,
 * `code`, ![images](…), [links](…), <https://…> and bare addresses.
 */

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "break" }
  | { kind: "code"; text: string }
  | { kind: "strong" | "em" | "strike"; inlines: Inline[] }
  | { kind: "link"; href: string; inlines: Inline[] }
  | { kind: "image"; src: string; alt: string };

export type Block =
  | { kind: "paragraph"; inlines: Inline[] }
  | { kind: "heading"; inlines: Inline[] }
  | { kind: "list"; ordered: boolean; start: number; items: Block[][] }
  | { kind: "quote"; blocks: Block[] }
  /** `language` is the first word after the opening fence, in lower case, or `""`. */
  | { kind: "code"; text: string; language: string }
  | { kind: "rule" }
  | { kind: "table"; head: Inline[][]; rows: Inline[][][] };

/** Maximum distance between an opening and a closing mark, in characters. It limits the time for hostile input. */
const MAX_SPAN = 1_000;

/** Return the index of `needle` within `MAX_SPAN` characters after `from`, or -1. */
function ahead(text: string, needle: string, from: number): number {
  const found = text.slice(from, from + MAX_SPAN).indexOf(needle);
  return found === -1 ? -1 : from + found;
}

/** Maximum depth of nesting. Deeper levels are shown flat. */
const MAX_DEPTH = 6;

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEADING = /^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
const BULLET = /^( *)([-*+]|\d{1,9}[.)])( +)(?=\S)/;

const TABLE_RULE = /^\|?:?-+:?(\|:?-+:?)*\|?$/;

export function parseMarkdown(text: string): Block[] {
  return blocks(text.replace(/\r\n?/g, "\n").split("\n"), 0);
}

function blocks(lines: readonly string[], depth: number): Block[] {
  const found: Block[] = [];
  let paragraph: string[] = [];
  const flush = (): void => {
    if (paragraph.length > 0) found.push({ kind: "paragraph", inlines: lineInlines(paragraph) });
    paragraph = [];
  };
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!;
    const fence = FENCE.exec(line)?.[1];
    const heading = HEADING.exec(line);
    if (fence !== undefined) {
      flush();
      const end = lines.findIndex((other, i) => i > at && isFenceEnd(other, fence));
      const until = end === -1 ? lines.length : end;
      const language = line
        .trim()
        .slice(fence.length)
        .trim()
        .split(/[\s{,:]/)[0]!
        .toLowerCase();
      found.push({ kind: "code", text: lines.slice(at + 1, until).join("\n"), language });
      at = until + 1;
    } else if (line.trim() === "") {
      flush();
      at += 1;
    } else if (heading !== null) {
      flush();
      found.push({ kind: "heading", inlines: inlines(heading[1]!) });
      at += 1;
    } else if (isTable(lines, at)) {
      flush();
      const rows: Inline[][][] = [];
      const width = cells(line).length;
      const head = cells(line).map((cell) => inlines(cell));
      for (at += 2; at < lines.length && lines[at]!.includes("|") && lines[at]!.trim() !== ""; at += 1)
        rows.push(Array.from({ length: width }, (_, column) => inlines(cells(lines[at]!)[column] ?? "")));
      found.push({ kind: "table", head, rows });
    } else if (RULE.test(line)) {
      flush();
      found.push({ kind: "rule" });
      at += 1;
    } else if (depth < MAX_DEPTH && QUOTE.test(line)) {
      flush();
      const quoted: string[] = [];
      while (at < lines.length && QUOTE.test(lines[at]!)) quoted.push(lines[at++]!.replace(QUOTE, ""));
      found.push({ kind: "quote", blocks: blocks(quoted, depth + 1) });
    } else if (depth < MAX_DEPTH && BULLET.test(line)) {
      flush();
      at = list(lines, at, depth, found);
    } else {
      paragraph.push(line);
      at += 1;
    }
  }
  flush();
  return found;
}

function isFenceEnd(line: string, fence: string): boolean {
  const text = line.trim();
  return text.startsWith(fence) && text === fence[0]!.repeat(text.length);
}

/** Return whether a table starts at line `at`: a row, followed by a rule with the same number of columns. */
function isTable(lines: readonly string[], at: number): boolean {
  const [head, rule] = [lines[at]!, lines[at + 1] ?? ""];
  return (
    head.includes("|") &&
    TABLE_RULE.test(rule.replace(/\s/g, "")) &&
    cells(head).length === cells(rule).length
  );
}

function cells(row: string): string[] {
  const text = row
    .trim()
    .replace(/^\|/, "")
    .replace(/(^|[^\\])\|$/, "$1");
  return text.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

/** Read a list from line `at`. Returns the number of the line after the list. */
function list(lines: readonly string[], at: number, depth: number, found: Block[]): number {
  const [, indent, marker] = BULLET.exec(lines[at]!)!;
  const ordered = /\d/.test(marker!);
  const items: Block[][] = [];
  while (at < lines.length) {
    const bullet = BULLET.exec(lines[at]!);
    if (bullet === null || bullet[1]!.length > indent!.length + 1 || bullet[1]!.length < indent!.length)
      break;
    if (/\d/.test(bullet[2]!) !== ordered) break;
    const width = bullet[0].length;
    const item = [lines[at]!.slice(width)];
    at += 1;
    while (at < lines.length && belongs(lines, at, width, indent!.length)) {
      item.push(lines[at]!.slice(Math.min(width, lines[at]!.search(/\S|$/))));
      at += 1;
    }
    items.push(blocks(item, depth + 1));
    // A blank line between two items does not end the list.
    let next = at;
    while (next < lines.length && lines[next]!.trim() === "") next += 1;
    if (next < lines.length && BULLET.exec(lines[next]!)?.[1] === indent) at = next;
  }
  found.push({ kind: "list", ordered, start: ordered ? Number.parseInt(marker!, 10) : 1, items });
  return at;
}

/** Return whether a line continues the previous list item: it is indented, or plain text directly after the item. */
function belongs(lines: readonly string[], at: number, width: number, indent: number): boolean {
  const line = lines[at]!;
  const own = line.search(/\S|$/);
  if (line.trim() === "")
    return at + 1 < lines.length && lines[at + 1]!.search(/\S|$/) >= width && lines[at + 1]!.trim() !== "";
  if (own >= width || own > indent + 1) return true;
  return (
    !BULLET.test(line) &&
    lines[at - 1]!.trim() !== "" &&
    !HEADING.test(line) &&
    !FENCE.test(line) &&
    !QUOTE.test(line) &&
    !RULE.test(line)
  );
}

function lineInlines(lines: readonly string[]): Inline[] {
  // Keep line breaks, unlike standard Markdown, because authors of chat messages use the return key.
  return lines.flatMap((line, index) => [
    ...(index > 0 ? [{ kind: "break" as const }] : []),
    ...inlines(line.trim()),
  ]);
}

const URL_AHEAD = /^(?:https?:\/\/|mailto:|www\.)[^\s<>]+/i;
const MARKS: readonly [string, "strong" | "em" | "strike"][] = [
  ["**", "strong"],
  ["__", "strong"],
  ["~~", "strike"],
  ["*", "em"],
  ["_", "em"],
];

/** Parse the marks in a line. */
export function inlines(text: string, depth = 0): Inline[] {
  const found: Inline[] = [];
  let plain = "";
  const push = (inline: Inline): void => {
    if (plain !== "") found.push({ kind: "text", text: plain });
    plain = "";
    found.push(inline);
  };
  let at = 0;
  while (at < text.length) {
    const taken = depth < MAX_DEPTH ? special(text, at, depth) : null;
    if (taken === null) {
      plain += text[at]!;
      at += 1;
    } else if (typeof taken.inline === "string") {
      plain += taken.inline;
      at = taken.end;
    } else {
      push(taken.inline);
      at = taken.end;
    }
  }
  if (plain !== "") found.push({ kind: "text", text: plain });
  return found;
}

interface Taken {
  inline: Inline | string;
  end: number;
}

function special(text: string, at: number, depth: number): Taken | null {
  switch (text[at]) {
    case "\\":
      return /[!-/:-@[-`{-~]/.test(text[at + 1] ?? "") ? { inline: text[at + 1]!, end: at + 2 } : null;
    case "`":
      return code(text, at);
    case "!":
      return image(text, at);
    case "[":
      return link(text, at, depth);
    case "<": {
      const end = ahead(text, ">", at);
      const href = end === -1 ? "" : text.slice(at + 1, end);
      return URL_AHEAD.test(href) ? { inline: autolink(href), end: end + 1 } : null;
    }
    case "*":
    case "_":
    case "~":
      return marked(text, at, depth);
    case "h":
    case "H":
    case "w":
    case "W":
    case "m":
    case "M":
      return bareAddress(text, at);
    default:
      return null;
  }
}

function code(text: string, at: number): Taken | null {
  const ticks = /^`+/.exec(text.slice(at, at + 8))![0];
  const end = ahead(text, ticks, at + ticks.length);
  return end === -1
    ? null
    : { inline: { kind: "code", text: text.slice(at + ticks.length, end).trim() }, end: end + ticks.length };
}

function link(text: string, at: number, depth: number): Taken | null {
  const middle = ahead(text, "](", at);
  if (middle === -1 || text.slice(at + 1, middle).includes("[")) return null;
  // An address may contain balanced parentheses.
  let open = 1;
  let end = middle + 2;
  while (end < text.length && text[end] !== " " && open > 0) {
    if (text[end] === "(") open += 1;
    if (text[end] === ")") open -= 1;
    end += 1;
  }
  const title = /^\s+"[^"]*"\)/.exec(text.slice(end, end + 300));
  if (open > 0 && title === null) return null;
  const href = text.slice(middle + 2, open > 0 ? end : end - 1);
  const label = text.slice(at + 1, middle);
  return {
    inline: { kind: "link", href, inlines: inlines(label === "" ? href : label, depth + 3) },
    end: open > 0 ? end + title![0].length : end,
  };
}

function image(text: string, at: number): Taken | null {
  const taken = text[at + 1] === "[" ? link(text, at + 1, MAX_DEPTH) : null;
  if (taken === null || typeof taken.inline === "string" || taken.inline.kind !== "link") return null;
  const alt = text.slice(at + 2, text.indexOf("](", at));
  return { inline: { kind: "image", src: taken.inline.href, alt }, end: taken.end };
}

function autolink(href: string): Inline {
  return {
    kind: "link",
    href: /^www\./i.test(href) ? `https://${href}` : href,
    inlines: [{ kind: "text", text: href }],
  };
}

function bareAddress(text: string, at: number): Taken | null {
  if (at > 0 && /[\w@/.]/.test(text[at - 1]!)) return null;
  const ahead = URL_AHEAD.exec(text.slice(at, at + 2048));
  if (ahead === null) return null;
  let href = ahead[0].replace(/[.,;:!?'"*_~]+$/, "");
  while (href.endsWith(")") && href.split("(").length < href.split(")").length) href = href.slice(0, -1);
  return href.length < 8 ? null : { inline: autolink(href), end: at + href.length };
}

function marked(text: string, at: number, depth: number): Taken | null {
  for (const [mark, kind] of MARKS) {
    if (!text.startsWith(mark, at)) continue;
    const inside = at + mark.length;
    if (/\s|^$/.test(text[inside] ?? "")) continue;
    // snake_case is a word, not emphasis
    if (mark[0] === "_" && at > 0 && /[\p{L}\p{N}]/u.test(text[at - 1]!)) continue;
    const end = closing(text, inside, mark);
    if (end !== -1) {
      return {
        inline: { kind, inlines: inlines(text.slice(inside, end), depth + 1) },
        end: end + mark.length,
      };
    }
  }
  return null;
}

function closing(text: string, from: number, mark: string): number {
  const last = from + MAX_SPAN;
  for (let end = ahead(text, mark, from + 1); end !== -1 && end < last; end = ahead(text, mark, end + 1)) {
    if (/[\s\\]/.test(text[end - 1]!)) continue;
    if (mark.length === 1 && (text[end + 1] === mark || text[end - 1] === mark)) continue;
    if (mark[0] === "_" && /[\p{L}\p{N}]/u.test(text[end + mark.length] ?? "")) continue;
    return end;
  }
  return -1;
}

/** Return a Markdown text without its marks, for screen readers and files. */
export function plainText(markdown: string): string {
  return blocksText(parseMarkdown(markdown));
}

function blocksText(found: readonly Block[]): string {
  return found.map(blockText).filter(Boolean).join("\n");
}

function blockText(block: Block): string {
  switch (block.kind) {
    case "paragraph":
    case "heading":
      return inlinesText(block.inlines);
    case "list":
      return block.items
        .map((item, at) => `${block.ordered ? `${block.start + at}.` : "-"} ${blocksText(item)}`)
        .join("\n");
    case "quote":
      return blocksText(block.blocks);
    case "code":
      return block.text;
    case "table":
      return [block.head, ...block.rows].map((row) => row.map(inlinesText).join(", ")).join("\n");
    case "rule":
      return "";
  }
}

/** Return the text of inlines without marks. */
export function inlinesText(found: readonly Inline[]): string {
  return found
    .map((inline): string => {
      if (inline.kind === "break") return "\n";
      if (inline.kind === "image") return inline.alt;
      return "text" in inline ? inline.text : inlinesText(inline.inlines);
    })
    .join("");
}

/**
 * When the chat invites a visitor: the rules of the site, and what is due on a page.
 *
 * Called by `invitation.ts`. Pure.
 */

/** An invitation on some pages. Times are in seconds since the visitor came to the page. */
export interface Rule {
  /** Patterns of paths, such as `/products/*`; `!` before a pattern excludes its pages. Empty: all pages. */
  readonly pages: readonly string[];
  /** Text beside the floating button, or `""`. */
  readonly teaser: string;
  readonly teaser_after: number;
  /** Message to send when the visitor chooses the teaser, or `""`. */
  readonly payload: string;
  /** When the chat opens by itself, or null. */
  readonly open_after: number | null;
}

const TEASER_AFTER_S = 5;

/** Read the rules from the attributes `proactive`, and `teaser` and `open-after`, which apply to all other pages. */
export function readRules(attribute: (name: string) => string | null): Rule[] {
  const rules = list(attribute("proactive"));
  rules.push({
    teaser: attribute("teaser"),
    teaser_after: attribute("teaser-after"),
    payload: attribute("teaser-payload"),
    open_after: attribute("open-after"),
  });
  return rules.map((item) => ({
    pages: [item["pages"]].flat().filter((page) => typeof page === "string"),
    teaser: text(item["teaser"]),
    teaser_after: seconds(item["teaser_after"]) ?? TEASER_AFTER_S,
    payload: text(item["payload"]),
    open_after: seconds(item["open_after"]),
  }));
}

/** Return the first rule for a path, or null. */
export function ruleFor(rules: readonly Rule[], path: string): Rule | null {
  return rules.find(({ pages }) => matches(pages, path)) ?? null;
}

/** Return what is due `elapsed_s` seconds after the visitor came to the page. */
export function due(rule: Rule | null, elapsed_s: number): "open" | "teaser" | null {
  if (rule === null) return null;
  if (rule.open_after !== null && elapsed_s >= rule.open_after) return "open";
  return rule.teaser !== "" && elapsed_s >= rule.teaser_after ? "teaser" : null;
}

function matches(pages: readonly string[], path: string): boolean {
  const excluded = pages.filter((page) => page.startsWith("!"));
  const included = pages.filter((page) => !page.startsWith("!"));
  if (excluded.some((page) => isLike(page.slice(1), path))) return false;
  return included.length === 0 || included.some((page) => isLike(page, path));
}

/** Return whether a path matches a pattern, in which `*` stands for any text. A slash at the end makes no difference. */
function isLike(pattern: string, path: string): boolean {
  const pieces = pattern.split("*").map((piece) => piece.replace(/[^\w]/g, "\\$&"));
  return new RegExp(`^${pieces.join(".*").replace(/\\\/$/, "")}/?$`, "s").test(path);
}

function list(value: string | null): Record<string, unknown>[] {
  if (value === null) return [];
  try {
    const items: unknown = JSON.parse(value);
    if (Array.isArray(items))
      return items.filter(
        (item): item is Record<string, unknown> => typeof item === "object" && item !== null,
      );
  } catch {
    // reported below
  }
  console.warn("manent-chat: ignoring the attribute proactive, which is not a JSON list:", value);
  return [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}

function seconds(value: unknown): number | null {
  if (value === null || value === undefined || value === "") return null;
  const found = Number(value);
  return Number.isFinite(found) ? Math.max(0, found) : null;
}

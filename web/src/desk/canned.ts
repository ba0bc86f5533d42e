/**
 * Canned replies: which ones match what the operator types, and their texts with the values filled in.
 *
 * Called by `desk.ts` and the views. Pure.
 */

import type { Canned, JsonObject } from "./wire";

/** Return the replies whose key or text matches a draft such as `/hou`; [] for any other draft. */
export function matching(replies: readonly Canned[], draft: string): Canned[] {
  if (!draft.startsWith("/") || draft.includes("\n")) return [];
  const wanted = draft.slice(1).trim().toLowerCase();
  const byKey = replies.filter(({ key }) => key.toLowerCase().startsWith(wanted));
  const byText = replies.filter(
    (reply) => !byKey.includes(reply) && `${reply.key} ${reply.text}`.toLowerCase().includes(wanted),
  );
  return [...byKey, ...byText].slice(0, 8);
}

/** Replace `{operator}` and the names of slots in braces. A slot without a value stays as it is, for the operator to see. */
export function filled(text: string, slots: JsonObject, operator: string): string {
  return text.replace(/\{([\p{L}\p{N}_.-]+)\}/gu, (braces: string, name: string) => {
    if (name === "operator") return operator;
    const value = Object.hasOwn(slots, name) ? slots[name] : null;
    if (value === null || value === undefined) return braces;
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  });
}

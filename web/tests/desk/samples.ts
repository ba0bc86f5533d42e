/** Heads, rows and messages for the tests of the desk. */

import type { Detail, DeskMessage, Head, Me, Operator, Row } from "../../src/desk/wire";
import { EMPTY, reduce, type DeskState } from "../../src/desk/state";

export const ADA: Operator = { id: "ada", name: "Ada" };
export const ME: Me = { operator: { id: "me", name: "Me" }, role: "operator", csrf: "c" };

export function head(seq: number, extra: Partial<Head> = {}): Head {
  return {
    sender_id: "v",
    epoch: "e",
    seq,
    handler: "bot",
    operator: null,
    waiting_since: null,
    closed_at: null,
    ...extra,
  };
}

export function row(sender_id: string, extra: Partial<Row> = {}): Row {
  return {
    sender_id,
    handler: "bot",
    operator: null,
    waiting_since: null,
    last: { role: "user", text: "hi", timestamp: 10 },
    unread: 0,
    counted: 0,
    labels: [],
    channel: "rest",
    preview: "hi",
    fallback_rate: 0,
    ...extra,
  };
}

export function message(
  seq: number,
  role: DeskMessage["role"] = "user",
  extra: Partial<DeskMessage> = {},
): DeskMessage {
  return {
    role,
    seq,
    id: `${seq}.0`,
    timestamp: seq,
    text: `m${seq}`,
    message_id: null,
    operator: null,
    intent: null,
    confidence: null,
    body: { text: `m${seq}` },
    ...extra,
  };
}

export function detail(messages: DeskMessage[], extra: Partial<Detail> = {}): Detail {
  return {
    head: head(messages.at(-1)?.seq ?? 1),
    messages,
    slots: {},
    active_loop: null,
    has_more: false,
    labels: [],
    channel: "rest",
    earlier: [],
    ...extra,
  };
}

/** The state of a signed-in operator with one open conversation. */
export function showing(...messages: DeskMessage[]): DeskState {
  let state = reduce(EMPTY, { type: "access", access: "granted", me: ME });
  state = reduce(state, { type: "rows", rows: [row("v")], next: null });
  state = reduce(state, { type: "select", sender_id: "v" });
  return reduce(state, { type: "detail", detail: detail(messages) });
}

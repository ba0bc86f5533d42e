/**
 * Reads the desk's HTTP API: turns unknown JSON into heads, rows, messages and events of the feed.
 *
 * Called by `api.ts` and `desk.ts`. Pure. Names stay in snake_case like the server's. Must not trust the server: a
 * missing or mistyped field gets a default.
 */

import { isObject, type Handler, type Json, type JsonObject, type Operator } from "../client/wire";

export type { Handler, Json, JsonObject, Operator } from "../client/wire";

/** Who handles a conversation, and the newest event of its log. */
export interface Head {
  readonly sender_id: string;
  readonly epoch: string;
  readonly seq: number;
  readonly handler: Handler;
  readonly operator: Operator | null;
  /** Seconds since the epoch; null unless the conversation is in the queue. */
  readonly waiting_since: number | null;
  readonly closed_at: number | null;
}

/** A row of the list. */
export interface Row {
  readonly sender_id: string;
  readonly handler: Handler;
  readonly operator: Operator | null;
  readonly waiting_since: number | null;
  readonly last: { readonly role: string; readonly text: string; readonly timestamp: number };
  readonly unread: number;
  /** Number of the newest message that `unread` takes into account. */
  readonly counted: number;
  readonly labels: readonly string[];
  readonly channel: string;
  readonly preview: string;
  readonly fallback_rate: number;
}

/** A row of the feed, which does not know what this operator has read. */
export type FeedRow = Omit<Row, "unread" | "counted">;

/** A message of a conversation, as operators see it. `body` holds the keys that are not listed here. */
export interface DeskMessage {
  readonly role: "user" | "bot" | "agent" | "note" | "event";
  readonly seq: number;
  /** Unique within the conversation. */
  readonly id: string;
  readonly timestamp: number;
  readonly text: string;
  readonly message_id: string | null;
  readonly operator: Operator | null;
  readonly intent: string | null;
  readonly confidence: number | null;
  readonly body: JsonObject;
}

/** One page of a conversation. */
export interface Detail {
  readonly head: Head;
  readonly messages: readonly DeskMessage[];
  readonly slots: JsonObject;
  readonly active_loop: { readonly name: string; readonly requested_slot: string | null } | null;
  readonly has_more: boolean;
  readonly labels: readonly string[];
  readonly channel: string;
  /** Other conversations of the same visitor. */
  readonly earlier: readonly {
    readonly sender_id: string;
    readonly preview: string;
    readonly updated: number;
  }[];
}

export interface Me {
  readonly operator: Operator;
  readonly role: Role;
  readonly csrf: string;
}

export type Role = "viewer" | "operator" | "reviewer" | "admin";

export interface Canned {
  readonly key: string;
  readonly text: string;
}

export interface Hit {
  readonly sender_id: string;
  readonly seq: number;
  readonly role: string;
  readonly snippet: string;
  readonly timestamp: number;
}

/** A text of visitors that waits for a review. */
export interface Unreviewed {
  readonly text: string;
  readonly intent: string;
  readonly confidence: number;
  readonly count: number;
  readonly entities: readonly Json[];
  /** A conversation that contains the text. */
  readonly sender_id: string | null;
}

/** An operator who has the desk open, and the conversation that they look at. */
export type Present = Operator & { viewing: string | null };

/** An event of the feed. */
export type FeedEvent =
  /** The handler or the labels have changed. */
  | { type: "conversation"; head: Head; row: FeedRow | null }
  /** The conversation was erased. */
  | { type: "gone"; sender_id: string }
  | {
      type: "message";
      sender_id: string;
      /** Epoch of the log that contains the messages, or `""`. */
      epoch: string;
      messages: readonly DeskMessage[];
      row: FeedRow | null;
    }
  | { type: "presence"; operators: readonly Present[] }
  | { type: "typing"; sender_id: string; operator: Operator | null; on: boolean }
  /** The cursor is too old: load everything again. */
  | { type: "reset" };

export function text(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

export function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function object(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

export function readOperator(value: unknown): Operator | null {
  if (!isObject(value) || typeof value["id"] !== "string") return null;
  const operator: Operator = { id: value["id"], name: text(value["name"]) || value["id"] };
  if (typeof value["avatar"] === "string") operator.avatar = value["avatar"];
  return operator;
}

function readHandler(value: unknown): Handler {
  return value === "queue" || value === "human" ? value : "bot";
}

export function readHead(value: unknown): Head | null {
  if (!isObject(value) || typeof value["sender_id"] !== "string") return null;
  return {
    sender_id: value["sender_id"],
    epoch: text(value["epoch"]),
    seq: number(value["seq"]),
    handler: readHandler(value["handler"]),
    operator: readOperator(value["operator"]),
    waiting_since: numberOrNull(value["waiting_since"]),
    closed_at: numberOrNull(value["closed_at"]),
  };
}

export function readRow(value: unknown): Row | null {
  if (!isObject(value) || typeof value["sender_id"] !== "string") return null;
  const last = object(value["last"]);
  return {
    sender_id: value["sender_id"],
    handler: readHandler(value["handler"]),
    operator: readOperator(value["operator"]),
    waiting_since: numberOrNull(value["waiting_since"]),
    last: { role: text(last["role"]), text: text(last["text"]), timestamp: number(last["timestamp"]) },
    unread: number(value["unread"]),
    counted: number(value["seq"]),
    labels: strings(value["labels"]),
    channel: text(value["channel"]),
    preview: text(value["preview"]),
    fallback_rate: number(value["fallback_rate"]),
  };
}

export function readRows(value: unknown): { rows: Row[]; next: string | null } {
  const page = object(value);
  const rows = list(page["conversations"]).map(readRow);
  return { rows: rows.filter((row) => row !== null), next: text(page["next"]) || null };
}

const ROLES = new Set(["user", "bot", "agent", "note", "event"]);
const OWN_KEYS = new Set([
  "role",
  "seq",
  "id",
  "parts",
  "prev",
  "timestamp",
  "divider",
  "message_id",
  "operator",
]);

export function readMessage(value: unknown): DeskMessage | null {
  if (!isObject(value) || typeof value["seq"] !== "number") return null;
  const intent = isObject(value["intent"]) ? value["intent"] : { name: value["intent"] };
  const role = text(value["role"]);
  const body: JsonObject = {};
  for (const [key, item] of Object.entries(value)) if (!OWN_KEYS.has(key)) body[key] = item as Json;
  return {
    role: ROLES.has(role) ? (role as DeskMessage["role"]) : "event",
    seq: value["seq"],
    id: text(value["id"]) || `${value["seq"]}.0`,
    timestamp: number(value["timestamp"]),
    text: text(value["title"]) || text(value["text"]) || text(value["message"]),
    message_id: text(value["message_id"]) || null,
    operator: readOperator(value["operator"]),
    intent: text(intent["name"]) || null,
    confidence: numberOrNull(value["confidence"] ?? (intent as Record<string, unknown>)["confidence"]),
    body,
  };
}

export function readMessages(value: unknown): DeskMessage[] {
  return list(value)
    .map(readMessage)
    .filter((message) => message !== null);
}

export function readDetail(value: unknown): Detail | null {
  const page = object(value);
  const head = readHead(page["head"]);
  if (head === null) return null;
  const loop = page["active_loop"];
  const name = typeof loop === "string" ? loop : text(object(loop)["name"]);
  const slots = object(page["slots"]) as JsonObject;
  const requested = text(object(loop)["requested_slot"]) || text(slots["requested_slot"]) || null;
  return {
    head,
    messages: readMessages(page["messages"]),
    slots,
    active_loop: name === "" ? null : { name, requested_slot: requested },
    has_more: page["has_more"] === true,
    labels: strings(page["labels"]),
    channel: text(page["channel"]),
    earlier: list(page["earlier"]).map((item) => ({
      sender_id: text(item["sender_id"]),
      preview: text(item["preview"]),
      updated: number(item["updated"]),
    })),
  };
}

export function readMe(value: unknown): Me | null {
  const me = object(value);
  const operator = readOperator(me["operator"]);
  if (operator === null) return null;
  const role = me["role"];
  const known = role === "operator" || role === "reviewer" || role === "admin";
  return { operator, role: known ? role : "viewer", csrf: text(me["csrf"]) };
}

export function readCanned(value: unknown): Canned[] {
  return list(object(value)["canned"]).map((item) => ({ key: text(item["key"]), text: text(item["text"]) }));
}

/** Read the operators who can get conversations. */
export function readHandlers(value: unknown): (Operator & { present: boolean })[] {
  return list(object(value)["members"]).flatMap((item) => {
    const operator = readOperator(item);
    return operator === null || item["handles"] !== true
      ? []
      : [{ ...operator, present: item["present"] === true }];
  });
}

export function readHits(value: unknown): Hit[] {
  return list(object(value)["hits"]).map((hit) => ({
    sender_id: text(hit["sender_id"]),
    seq: number(hit["seq"]),
    role: text(hit["role"]),
    snippet: text(hit["snippet"]),
    timestamp: number(hit["timestamp"]),
  }));
}

export function readUnreviewed(value: unknown): { messages: Unreviewed[]; intents: string[] } {
  const page = object(value);
  const messages = list(page["messages"]).map((item) => {
    const intent = isObject(item["intent"]) ? item["intent"] : { name: item["intent"] };
    return {
      text: text(item["text"]),
      intent: text(intent["name"]),
      confidence: number(item["confidence"] ?? (intent as Record<string, unknown>)["confidence"]),
      count: number(item["count"]) || 1,
      entities: Array.isArray(item["entities"]) ? (item["entities"] as Json[]) : [],
      sender_id: text(item["sender_id"]) || null,
    };
  });
  return { messages, intents: strings(page["intents"]) };
}

/** Read an event of the feed; null for a type that this page does not know. */
export function readFeedEvent(type: string, data: unknown): FeedEvent | null {
  const value = object(data);
  const sender_id = text(value["sender_id"]);
  switch (type) {
    case "conversation": {
      if (value["gone"] === true) return { type: "gone", sender_id };
      const head = readHead(value["head"]);
      return head === null ? null : { type, head, row: readRow(value["conversation"]) };
    }
    case "message":
      if (sender_id === "") return null;
      return {
        type,
        sender_id,
        epoch: text(value["epoch"]),
        messages: readMessages(value["messages"]),
        row: readRow(value["conversation"]),
      };
    case "presence":
      return {
        type,
        operators: list(value["operators"]).flatMap((item) => {
          const operator = readOperator(item);
          return operator === null ? [] : [{ ...operator, viewing: text(item["viewing"]) || null }];
        }),
      };
    case "typing":
      if (sender_id === "") return null;
      return { type, sender_id, operator: readOperator(value["operator"]), on: value["on"] === true };
    case "reset":
      return { type };
    default:
      return null;
  }
}

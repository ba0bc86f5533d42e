/**
 * The words of protocol 1 as they travel: requests, answers, messages.
 *
 * Owns the shapes and the tolerant readers that turn unknown JSON into them; everybody else works with what comes
 * out of here. Must not keep state. The names are the server's (`docs/protocol.md`) and stay in snake_case.
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export const PROTOCOL = 1;

/** How many log events a page holds unless asked otherwise; the server's own default. */
export const PAGE_LIMIT = 50;

/** Where a reader of the log stands: everything up to `seq` of this `epoch` is known. */
export interface Cursor {
  epoch: string;
  seq: number;
}

interface Numbered {
  /** Number of the event in the log: rising, with holes. */
  seq: number;
  /** `"<seq>.<part>"`, unique within an epoch. */
  id: string;
  /** How many messages this event shows as. */
  parts: number;
  /** `seq` of the visible event before this one; 0 for the first. */
  prev: number;
  /** Seconds since the epoch, UTC. */
  timestamp: number;
  /** Set on the first message after a restart, or after an expired session. */
  divider?: "restart" | "session";
}

/** What the visitor said. */
export interface UserMessage extends Numbered {
  role: "user";
  message: string;
  /** What the visitor clicked, when `message` is a button's payload. */
  title?: string;
  /** A bare payload such as `/greet`: part of the log, not drawn. */
  payload?: boolean;
  message_id: string;
}

/** What the assistant said; `body` holds Rasa's keys exactly as they came. */
export interface BotMessage extends Numbered {
  role: "bot";
  body: JsonObject;
}

export type Message = UserMessage | BotMessage;

/** A refusal: a stable code, a sentence, and seconds after which another try may succeed. */
export interface WireError {
  code: string;
  message: string;
  retry_after?: number;
  /** Present on `unsupported_protocol`. */
  supported?: number[];
}

/** The answer to `session_request`, `session_reset` and `session_erase`. */
export interface SessionAnswer {
  session_id: string;
  session_token?: string;
  epoch: string;
  seq: number;
  resumed: boolean;
  messages: Message[];
  has_more: boolean;
  gap: boolean;
  typing: boolean;
}

export interface SentAnswer {
  seq: number;
  duplicate: boolean;
}

export interface PageAnswer {
  messages: Message[];
  has_more: boolean;
}

/** One of the visitor's own conversations, as `session_list` names them. */
export interface SessionSummary {
  session_id: string;
  started: number;
  last: number;
  preview: string;
}

export interface SessionChange {
  reason: "reset" | "erased" | "expired" | "revoked" | "claimed";
  session_id?: string;
  session_token?: string;
  epoch?: string;
}

/** An `error` event: something went wrong that no acknowledgement tells of. */
export interface ErrorEvent extends WireError {
  message_id?: string;
  seq?: number;
}

const NUMBERING = new Set(["role", "seq", "id", "parts", "prev", "timestamp", "divider"]);

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown, otherwise = ""): string {
  return typeof value === "string" ? value : otherwise;
}

function number(value: unknown, otherwise = 0): number {
  return typeof value === "number" && Number.isFinite(value) ? value : otherwise;
}

/** The error inside an answer, or null when the answer is a success. Garbage counts as an error of the server. */
export function readError(answer: unknown): WireError | null {
  if (isObject(answer) && answer["ok"] === true) return null;
  const error = isObject(answer) && isObject(answer["error"]) ? answer["error"] : {};
  const found: WireError = {
    code: text(error["code"], "unreadable_answer"),
    message: text(error["message"], "The server's answer could not be read."),
  };
  // The field's home is the error; one level up is tolerated.
  const wait = error["retry_after"] ?? (isObject(answer) ? answer["retry_after"] : undefined);
  if (typeof wait === "number") found.retry_after = wait;
  if (Array.isArray(error["supported"])) found.supported = error["supported"] as number[];
  return found;
}

/** Whether an acknowledgement speaks protocol 1 at all (a plain server acknowledges with nothing). */
export function isAnswer(value: unknown): boolean {
  return isObject(value) && typeof value["ok"] === "boolean";
}

/** Read one message; null when it lacks its numbers. `role` is given for live events, which do not carry it. */
export function readMessage(value: unknown, role?: "user" | "bot"): Message | null {
  if (!isObject(value) || typeof value["seq"] !== "number") return null;
  const seq = value["seq"];
  const numbers: Numbered = {
    seq,
    id: text(value["id"], `${seq}.0`),
    parts: Math.max(1, number(value["parts"], 1)),
    prev: number(value["prev"]),
    timestamp: number(value["timestamp"]),
  };
  const divider = value["divider"];
  if (divider === "restart" || divider === "session") numbers.divider = divider;
  if ((role ?? value["role"]) === "user") {
    const message: UserMessage = {
      ...numbers,
      role: "user",
      message: text(value["message"]),
      message_id: text(value["message_id"]),
    };
    if (typeof value["title"] === "string") message.title = value["title"];
    if (value["payload"] === true) message.payload = true;
    return message;
  }
  const body: JsonObject = {};
  for (const [key, item] of Object.entries(value)) if (!NUMBERING.has(key)) body[key] = item as Json;
  return { ...numbers, role: "bot", body };
}

/** A message as it travels: the inverse of `readMessage`. */
export function writeMessage(message: Message): object {
  if (message.role === "user") return message;
  const { body, ...numbers } = message;
  return { ...body, ...numbers };
}

export function readMessages(value: unknown): Message[] {
  if (!Array.isArray(value)) return [];
  return value.map((item) => readMessage(item)).filter((item) => item !== null);
}

export function readSessionAnswer(answer: unknown): SessionAnswer | null {
  if (!isObject(answer) || typeof answer["session_id"] !== "string") return null;
  const session: SessionAnswer = {
    session_id: answer["session_id"],
    epoch: text(answer["epoch"]),
    seq: number(answer["seq"]),
    resumed: answer["resumed"] === true,
    messages: readMessages(answer["messages"]),
    has_more: answer["has_more"] === true,
    gap: answer["gap"] === true,
    typing: answer["typing"] === true,
  };
  if (typeof answer["session_token"] === "string") session.session_token = answer["session_token"];
  return session;
}

export function readPage(answer: unknown): PageAnswer {
  const page = isObject(answer) ? answer : {};
  return { messages: readMessages(page["messages"]), has_more: page["has_more"] === true };
}

export function readSessions(answer: unknown): SessionSummary[] {
  if (!isObject(answer) || !Array.isArray(answer["sessions"])) return [];
  return answer["sessions"].filter(isObject).map((item) => ({
    session_id: text(item["session_id"]),
    started: number(item["started"]),
    last: number(item["last"]),
    preview: text(item["preview"]),
  }));
}

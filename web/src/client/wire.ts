/**
 * Protocol 1 as the client works with it: what comes out of the tolerant readers that turn unknown JSON into messages
 * and answers.
 *
 * The types of the wire itself are in `protocol.ts`, made from the schema; names stay in snake_case, as the server's.
 * Must not keep state.
 */

import type {
  Json,
  JsonObject,
  Numbered,
  PageAnswer as WirePage,
  SessionAnswer as WireSession,
  SessionSummary,
  UserMessage as WireUserMessage,
  WireError,
} from "./protocol";

export type * from "./protocol";

export const PROTOCOL = 1;

/** How many log events a page holds unless asked otherwise; the server's own default. */
export const PAGE_LIMIT = 50;

/** What the assistant said; `body` holds Rasa's keys exactly as they came. */
export type BotMessage = Numbered & { role: "bot"; body: JsonObject };

/** What the visitor said; `message_id` is `""` for what was said without one. */
export type UserMessage = Omit<WireUserMessage, "message_id"> & { message_id: string };

export type Message = UserMessage | BotMessage;

/** An answer to `session_request`, `session_reset` or `session_erase`, read. */
export type SessionAnswer = Omit<WireSession, "ok" | "messages" | "errors"> & { messages: Message[] };

/** A page of the past, read. */
export type PageAnswer = Omit<WirePage, "ok" | "messages"> & { messages: Message[] };

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

/**
 * Reads protocol 1: turns unknown JSON into messages and answers.
 *
 * Called by the dialects and by modules that need these types. Pure. `protocol.ts`, generated from the schema, contains
 * the types of the protocol. Names are in snake_case, as on the server. Must not trust the server: a missing or
 * mistyped field gets a default.
 */

import type {
  Attachment,
  FilesOffer,
  HandlerChanged,
  Json,
  JsonObject,
  Numbered,
  Operator,
  PageAnswer as WirePage,
  SessionAnswer as WireSession,
  SessionSummary,
  UserMessage as WireUserMessage,
  WireError,
} from "./protocol";

export type * from "./protocol";

export const PROTOCOL = 1;

/** Default number of log events in a page, the same as the server's default. */
export const PAGE_LIMIT = 50;

/** A message from the assistant. `body` contains Rasa's keys unchanged. */
export type BotMessage = Numbered & { role: "bot"; body: JsonObject };

/** A message from the visitor. `message_id` is `""` if the message was sent without an id. */
export type UserMessage = Omit<WireUserMessage, "message_id"> & { message_id: string };

/** A message from an operator; only if the client accepts `agent`. */
export type AgentMessage = Numbered & { role: "agent"; body: JsonObject; operator: Operator };

export type Message = UserMessage | BotMessage | AgentMessage;

/** Who handles the conversation. */
export type Handler = HandlerChanged["handler"];

/** An answer to `session_request`, `session_reset` or `session_erase`. */
export type SessionAnswer = Omit<WireSession, "ok" | "messages" | "errors"> & { messages: Message[] };

/** A page of older messages. */
export type PageAnswer = Omit<WirePage, "ok" | "messages"> & { messages: Message[] };

const NUMBERING = new Set(["role", "seq", "id", "parts", "prev", "timestamp", "divider"]);
const HANDLERS: readonly unknown[] = ["bot", "queue", "human"];

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown, otherwise = ""): string {
  return typeof value === "string" ? value : otherwise;
}

function number(value: unknown, otherwise = 0): number {
  return typeof value === "number" && Number.isFinite(value) ? value : otherwise;
}

export const UNREADABLE_ANSWER: WireError = {
  code: "unreadable_answer",
  message: "the server's answer could not be read",
};

/** Return the error in a response, or null for a success. A response of an unknown shape is an error. */
export function readError(answer: unknown): WireError | null {
  if (isObject(answer) && answer["ok"] === true) return null;
  const error = isObject(answer) && isObject(answer["error"]) ? answer["error"] : {};
  const found: WireError = {
    code: text(error["code"], UNREADABLE_ANSWER.code),
    message: text(error["message"], UNREADABLE_ANSWER.message),
  };
  // retry_after should be inside the error, but some servers send it next to the error.
  const wait = error["retry_after"] ?? (isObject(answer) ? answer["retry_after"] : undefined);
  if (typeof wait === "number") found.retry_after = wait;
  if (Array.isArray(error["supported"])) found.supported = error["supported"] as number[];
  return found;
}

/** Return whether an acknowledgement is a protocol 1 response. The acknowledgement of a plain server is empty. */
export function isAnswer(value: unknown): boolean {
  return isObject(value) && typeof value["ok"] === "boolean";
}

/** Read a message. Returns null if it has no number. Live events contain no role, so `role` is an argument. */
export function readMessage(value: unknown, role?: Message["role"]): Message | null {
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
    const attachments = readAttachments(value["attachments"]);
    if (attachments.length > 0) message.attachments = attachments;
    return message;
  }
  const body: JsonObject = {};
  for (const [key, item] of Object.entries(value)) if (!NUMBERING.has(key)) body[key] = item as Json;
  const operator = (role ?? value["role"]) === "agent" ? readOperator(value["operator"]) : undefined;
  if (operator === undefined) return { ...numbers, role: "bot", body };
  delete body["operator"];
  return { ...numbers, role: "agent", body, operator };
}

function readOperator(value: unknown): Operator | undefined {
  if (!isObject(value) || typeof value["id"] !== "string") return undefined;
  const operator: Operator = { id: value["id"], name: text(value["name"]) };
  if (typeof value["avatar"] === "string") operator.avatar = value["avatar"];
  return operator;
}

/** Read who handles the conversation, from an answer or from `handler_changed`; null if the value does not say. */
export function readHandler(value: unknown): HandlerChanged | null {
  if (!isObject(value) || !HANDLERS.includes(value["handler"])) return null;
  const changed: HandlerChanged = { handler: value["handler"] as Handler };
  const operator = readOperator(value["operator"]);
  if (operator !== undefined) changed.operator = operator;
  if (value["rate"] === true) changed.rate = true;
  return changed;
}

export function readAttachments(value: unknown): Attachment[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isObject).map((item) => ({
    file_id: text(item["file_id"]),
    name: text(item["name"]),
    mime: text(item["mime"]),
    size: number(item["size"]),
    ...(typeof item["url"] === "string" ? { url: item["url"] } : {}),
  }));
}

/** Read what the visitor can send. Returns null if the server accepts no files. */
function readOffer(value: unknown): FilesOffer | null {
  if (!isObject(value) || !Array.isArray(value["types"])) return null;
  return {
    max_size: number(value["max_size"]),
    max_per_message: number(value["max_per_message"], 1),
    types: value["types"].filter((type) => typeof type === "string"),
  };
}

/** Convert a message back to JSON. This is the inverse of `readMessage`. */
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
  const handling = readHandler(answer);
  if (handling !== null) session.handler = handling.handler;
  if (handling?.operator !== undefined) session.operator = handling.operator;
  const offer = readOffer(answer["files"]);
  if (offer !== null) session.files = offer;
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

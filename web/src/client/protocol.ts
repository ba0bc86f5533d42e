/** The words of protocol 1 as they travel. Made by `dev/protocol.mjs` from `docs/protocol.schema.json`. */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Any JSON object. */
export type JsonObject = { [key: string]: Json };

/** Where a reader of the log stands: everything up to `seq` of this `epoch` is known. */
export type Cursor = {
  epoch: string;
  /** 0: nothing yet. */
  seq: number;
};

/** What every message carries. */
export type Numbered = {
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
};

/** What the visitor said, live. */
export type UserSaid = Numbered & {
  message: string;
  /** What the visitor clicked, when `message` is a button's payload. */
  title?: string;
  /** A bare payload such as `/greet`: part of the log, not drawn. */
  payload?: true;
  /** Null for what a plain client said without one. */
  message_id: string | null;
};

/** What the assistant said, live: Rasa's keys (`text`, `quick_replies`, `attachment`, `custom`…) beside the numbers. */
export type BotSaid = Numbered & { [key: string]: Json };

/** What the visitor said, in an answer. */
export type UserMessage = UserSaid & {
  role: "user";
};

/** What the assistant said, in an answer. */
export type BotMessage = BotSaid & {
  role: "bot";
};

/** One message of a page. */
export type Message = UserMessage | BotMessage;

/** A refusal: a stable code and a sentence. */
export type WireError = {
  code: string;
  message: string;
  /** Seconds after which another try may succeed. */
  retry_after?: number;
  /** With `unsupported_protocol`. */
  supported?: readonly number[];
};

/** The answer to a request that failed. */
export type Refusal = {
  ok: false;
  error: WireError;
};

/** Join a conversation: the stored one, or a new one. */
export type SessionRequest = {
  protocol: 1;
  /** Which conversation. */
  session_id?: string;
  /** Proves that it is one's own; from the answer that gave the id. */
  session_token?: string;
  cursor?: Cursor;
  /** How many events a page holds. */
  limit?: number;
};

/** Say something. Send it again until it is answered: the same `message_id` is one message. */
export type UserUttered = {
  /** Which conversation. */
  session_id: string;
  /** Proves that it is one's own; from the answer that gave the id. */
  session_token?: string;
  /** The log that it was written for. */
  epoch?: string;
  message: string;
  title?: string;
  message_id: string;
  metadata?: JsonObject;
};

/** The page before a message. */
export type HistoryRequest = {
  /** Which conversation. */
  session_id: string;
  /** Proves that it is one's own; from the answer that gave the id. */
  session_token?: string;
  /** Its `seq`. */
  before: number;
  limit?: number;
};

/** A request about one conversation. */
export type NamedSession = {
  /** Which conversation. */
  session_id: string;
  /** Proves that it is one's own; from the answer that gave the id. */
  session_token?: string;
};

/** A request without contents. */
export type Nothing = {};

/** Go on with another JSON web token of the same subject. */
export type TokenRefresh = {
  token: string;
};

/** Over HTTP, in place of live events: wait for what comes after the cursor. */
export type EventsRequest = {
  /** Which conversation. */
  session_id: string;
  /** Proves that it is one's own; from the answer that gave the id. */
  session_token?: string;
  cursor: Cursor;
  wait_s?: number;
  limit?: number;
};

/** A page of a conversation, and where it stands. */
export type SessionAnswer = {
  ok: true;
  /** Which conversation. */
  session_id: string;
  /** Proves that it is one's own; from the answer that gave the id. */
  session_token?: string;
  /** Names the log; another one means that it was erased or replaced. */
  epoch: string;
  /** The log's version in the same read as `messages`. */
  seq: number;
  /** The log already had a visible message. */
  resumed: boolean;
  messages: readonly Message[];
  /** Older messages exist before the first of `messages`. */
  has_more: boolean;
  /** `messages` do not continue what the cursor stands for. */
  gap: boolean;
  /** A turn is at work. */
  typing: boolean;
  /** Over HTTP: what failed meanwhile. */
  errors?: readonly ErrorEvent[];
};

/** The message is on disk. */
export type SentAnswer = {
  ok: true;
  seq: number;
  /** It was accepted before; `seq` is the first one's. */
  duplicate: boolean;
};

/** Older messages. */
export type PageAnswer = {
  ok: true;
  messages: readonly Message[];
  has_more: boolean;
};

/** One of one's own conversations. */
export type SessionSummary = {
  session_id: string;
  started: number;
  last: number;
  preview: string;
};

/** One's own conversations, the newest first. */
export type ListAnswer = {
  ok: true;
  sessions: readonly SessionSummary[];
};

/** Until when the new token holds. */
export type RefreshAnswer = {
  ok: true;
  expires_at: number;
};

/** The assistant is at something slow. */
export type BotTyping = {
  on: boolean;
};

/** The conversation goes on elsewhere, or (`expired`, `revoked`) the token has ended. */
export type SessionChanged = {
  reason: "reset" | "erased" | "expired" | "revoked" | "claimed";
  session_id?: string;
  session_token?: string;
  epoch?: string;
};

/** The token ends in a minute. */
export type TokenExpiring = {
  expires_at: number;
};

/** Something went wrong that no acknowledgement tells of. */
export type ErrorEvent = {
  code: string;
  message: string;
  retry_after?: number;
  message_id?: string;
  seq?: number;
};

/** What can be asked, and what is answered unless it is refused. */
export interface Requests {
  session_request: { payload: SessionRequest; answer: SessionAnswer };
  user_uttered: { payload: UserUttered; answer: SentAnswer };
  history_request: { payload: HistoryRequest; answer: PageAnswer };
  session_list: { payload: Nothing; answer: ListAnswer };
  session_reset: { payload: NamedSession; answer: SessionAnswer };
  session_erase: { payload: NamedSession; answer: SessionAnswer };
  token_refresh: { payload: TokenRefresh; answer: RefreshAnswer };
  events: { payload: EventsRequest; answer: SessionAnswer };
}

/** What the server says by itself. */
export interface Events {
  bot_uttered: BotSaid;
  user_uttered: UserSaid;
  bot_typing: BotTyping;
  session_changed: SessionChanged;
  token_expiring: TokenExpiring;
  error: ErrorEvent;
}

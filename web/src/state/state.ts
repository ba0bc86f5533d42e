/**
 * The state of a chat as one value, and the function that applies events to this value.
 *
 * Called by `ui/chat.ts`. `reduce` is the only place where the state changes. Pure: equal events give equal states.
 * Must not use the DOM, a clock or random numbers. Messages are sorted by `seq` and part, without duplicates,
 * independent of the order of arrival.
 */

import type { ClientEvent, ConnectionStatus, Notice } from "../client/events";
import type { OutboxEntry } from "../client/outbox";
import type { FilesOffer, Handler, Message, Operator } from "../client/wire";

/** Who answers the visitor. `operator` is set if a person does. */
export interface Handling {
  readonly handler: Handler;
  readonly operator: Operator | null;
}

export interface ChatState {
  readonly connection: ConnectionStatus;
  readonly refusal: Notice | null;
  readonly session_id: string | null;
  readonly epoch: string | null;
  readonly plain: boolean;
  /** The files that the visitor can send, or null if the server accepts none. */
  readonly files: FilesOffer | null;
  /** The loaded part of the log, oldest first. */
  readonly messages: readonly Message[];
  readonly has_more: boolean;
  readonly older: "idle" | "loading" | "failed";
  readonly outbox: readonly OutboxEntry[];
  readonly typing: boolean;
  /** Null until the server has sent it. Servers without operators never send it. */
  readonly handling: Handling | null;
  /** Whether the operator types. */
  readonly agent_typing: boolean;
  /** When operators joined and left, as the `seq` of the newest message at that time. Only what this tab has seen. */
  readonly changes: readonly number[];
  /** Whether the visitor is asked for a rating, or has sent one. */
  readonly rating: "none" | "asked" | "sent";
  readonly notices: readonly Notice[];
  /** Errors about one of the visitor's messages, by `message_id`. */
  readonly troubles: Readonly<Record<string, Notice>>;
  /** The `seq` up to which the visitor has seen the conversation. */
  readonly read: number;
  /** The `seq` after which the messages are marked as new, or null. It stays while the visitor reads them. */
  readonly new_after: number | null;
  /** Number of failed connection attempts since the last success. */
  readonly failures: number;
}

/** Events that come from the page. */
export type PageEvent =
  | { type: "loading_older" }
  | { type: "dismissed"; notice: Notice }
  | { type: "noticed"; notice: Notice }
  | { type: "rating"; rating: ChatState["rating"] }
  /** The visitor has sent a message. */
  | { type: "written" }
  /** The visitor has seen the conversation up to `seq`, or completely. */
  | { type: "read"; seq?: number | undefined }
  /** The visitor looks at the conversation again, and had seen it up to `seq`, or up to `state.read`. */
  | { type: "returned"; seq?: number | undefined };

export type ChatEvent = ClientEvent | PageEvent;

export const EMPTY: ChatState = {
  connection: "connecting",
  refusal: null,
  session_id: null,
  epoch: null,
  plain: false,
  files: null,
  messages: [],
  has_more: false,
  older: "idle",
  outbox: [],
  typing: false,
  handling: null,
  agent_typing: false,
  changes: [],
  rating: "none",
  notices: [],
  troubles: {},
  read: 0,
  new_after: null,
  failures: 0,
};

function part(message: Message): number {
  return Number(message.id.slice(message.id.indexOf(".") + 1)) || 0;
}

function inOrder(a: Message, b: Message): number {
  return a.seq - b.seq || part(a) - part(b);
}

/** Return the messages in order, without duplicate ids. */
function sorted(messages: readonly Message[]): Message[] {
  const ids = new Set<string>();
  const once = messages.filter((message) => !ids.has(message.id) && ids.add(message.id));
  return once.sort(inOrder);
}

/**
 * Merge two lists into a sorted list without duplicate ids.
 *
 * Sorts `known` only if `added` belongs inside it, which is rare, so a live message takes the same time even with
 * thousands of loaded messages.
 */
export function merge(known: readonly Message[], added: readonly Message[]): readonly Message[] {
  if (added.length === 0) return known;
  const fresh = sorted(added);
  const first = known[0];
  if (first === undefined || inOrder(known.at(-1)!, fresh[0]!) < 0) return [...known, ...fresh];
  if (inOrder(fresh.at(-1)!, first) < 0) return [...fresh, ...known];
  const both = sorted([...known, ...fresh]);
  return both.length === known.length ? known : both;
}

/** Return the number of the newest loaded message. */
export function head(state: ChatState): number {
  return state.messages.at(-1)?.seq ?? 0;
}

/** Count the messages to the visitor that the visitor has not seen. */
export function unread(state: ChatState): number {
  let count = 0;
  for (let i = state.messages.length - 1; i >= 0; i -= 1) {
    const message = state.messages[i]!;
    if (message.seq <= state.read) break;
    if (message.role !== "user") count += 1;
  }
  return count;
}

function joined(state: ChatState, event: Extract<ClientEvent, { type: "joined" }>): ChatState {
  const same = state.session_id === event.session_id && state.epoch === event.epoch;
  const continues = event.continues && same;
  return {
    ...state,
    session_id: event.session_id,
    epoch: event.epoch,
    plain: event.plain,
    files: event.files,
    messages: merge(continues ? state.messages : [], event.messages),
    // A response that continues the list does not contain whether older messages exist before the list.
    has_more: continues && state.messages.length > 0 ? state.has_more : event.has_more,
    older: "idle",
    refusal: null,
    handling: same ? state.handling : null,
    changes: same ? state.changes : [],
    rating: same ? state.rating : "none",
    troubles: same ? state.troubles : {},
    read: same ? state.read : 0,
    new_after: same ? state.new_after : null,
  };
}

function noticed(state: ChatState, notice: Notice): ChatState {
  if (notice.message_id !== undefined) {
    return { ...state, troubles: { ...state.troubles, [notice.message_id]: notice } };
  }
  const others = state.notices.filter((known) => known.code !== notice.code);
  return { ...state, notices: [...others, notice] };
}

/** Codes of notices that stay when the visitor sends a message. */
const LASTING = new Set(["no_storage", "conversation_changed", "unsupported_protocol"]);

/** Return whether a new connection makes a notice obsolete. */
function isOverOnline(code: string): boolean {
  return code.startsWith("token_") || code === "failed_request";
}

function without(state: ChatState, isOver: (code: string) => boolean): readonly Notice[] {
  const left = state.notices.filter((notice) => !isOver(notice.code));
  return left.length === state.notices.length ? state.notices : left;
}

export function reduce(state: ChatState, event: ChatEvent): ChatState {
  switch (event.type) {
    case "connection": {
      const connected = event.status === "online" && state.connection !== "online";
      return {
        ...state,
        connection: event.status,
        failures: event.status === "online" ? 0 : state.failures + (event.status === "offline" ? 1 : 0),
        refusal: event.error ?? null,
        notices: connected ? without(state, isOverOnline) : state.notices,
      };
    }
    case "joined":
      return joined(state, event);
    case "left":
      return { ...EMPTY, connection: state.connection, refusal: state.refusal, failures: state.failures };
    case "message":
      return { ...state, messages: merge(state.messages, [event.message]) };
    case "loading_older":
      return { ...state, older: "loading" };
    case "older":
      return {
        ...state,
        messages: merge(state.messages, event.messages),
        has_more: event.has_more,
        older: "idle",
      };
    case "older_failed":
      return { ...state, older: "failed" };
    case "outbox":
      return { ...state, outbox: event.entries };
    case "typing":
      return { ...state, typing: event.on };
    case "agent_typing":
      return { ...state, agent_typing: event.on };
    case "handler": {
      const operator = event.operator ?? null;
      const isChange = state.handling !== null && state.handling.operator?.id !== operator?.id;
      return {
        ...state,
        handling: { handler: event.handler, operator },
        changes: isChange ? [...state.changes, head(state)] : state.changes,
        rating: event.rate === true ? "asked" : state.rating,
      };
    }
    case "rating":
      return { ...state, rating: event.rating };
    case "notice":
    case "noticed":
      return noticed(state, event.notice);
    case "dismissed":
      return { ...state, notices: state.notices.filter((notice) => notice !== event.notice) };
    case "written":
      return {
        ...state,
        notices: without(state, (code) => !LASTING.has(code) && !code.startsWith("token_")),
        new_after: null,
      };
    case "read":
      return { ...state, read: Math.max(state.read, Math.min(event.seq ?? Infinity, head(state))) };
    case "returned": {
      const after = event.seq ?? state.read;
      const isNew = unread({ ...state, read: after }) > 0;
      return { ...state, read: head(state), new_after: isNew ? after : null };
    }
  }
}

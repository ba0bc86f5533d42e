/**
 * Everything a chat shows, as one value, and the pure function that folds events into it.
 *
 * `reduce` is the only place where the state changes. No DOM, no clock, no randomness: the same events always give
 * the same state. Messages are kept sorted by `seq` and part, each `id` once, whatever the order of arrival.
 */

import type { ClientEvent, ConnectionStatus, Notice } from "../client/events";
import type { OutboxEntry } from "../client/outbox";
import type { Message } from "../client/wire";

export interface ChatState {
  readonly connection: ConnectionStatus;
  readonly refusal: Notice | null;
  readonly session_id: string | null;
  readonly epoch: string | null;
  readonly plain: boolean;
  /** The log as far as it is loaded, oldest first. */
  readonly messages: readonly Message[];
  readonly has_more: boolean;
  readonly older: "idle" | "loading" | "failed";
  readonly outbox: readonly OutboxEntry[];
  readonly typing: boolean;
  readonly notices: readonly Notice[];
  /** Errors that belong to one of the visitor's messages, by `message_id`. */
  readonly troubles: Readonly<Record<string, Notice>>;
  /** The `seq` up to which the visitor has seen the conversation. */
  readonly read: number;
}

/** What the page itself tells, beside the client's events. */
export type PageEvent =
  | { type: "loading_older" }
  | { type: "dismissed"; notice: Notice }
  | { type: "noticed"; notice: Notice }
  /** The visitor has said something. */
  | { type: "written" }
  | { type: "read" };

export type ChatEvent = ClientEvent | PageEvent;

export const EMPTY: ChatState = {
  connection: "connecting",
  refusal: null,
  session_id: null,
  epoch: null,
  plain: false,
  messages: [],
  has_more: false,
  older: "idle",
  outbox: [],
  typing: false,
  notices: [],
  troubles: {},
  read: 0,
};

function part(message: Message): number {
  return Number(message.id.slice(message.id.indexOf(".") + 1)) || 0;
}

function inOrder(a: Message, b: Message): number {
  return a.seq - b.seq || part(a) - part(b);
}

/** In order, each id once. */
function sorted(messages: readonly Message[]): Message[] {
  const ids = new Set<string>();
  const once = messages.filter((message) => !ids.has(message.id) && ids.add(message.id));
  return once.sort(inOrder);
}

/**
 * Both lists as one: sorted, each id once. Looks at `added` only where it continues or precedes `known`, which is
 * nearly always: thousands of loaded messages cost a live one nothing.
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

/** The newest number on the page. */
export function head(state: ChatState): number {
  return state.messages.at(-1)?.seq ?? 0;
}

/** How many of the assistant's messages the visitor has not seen. */
export function unread(state: ChatState): number {
  let count = 0;
  for (let i = state.messages.length - 1; i >= 0; i -= 1) {
    const message = state.messages[i]!;
    if (message.seq <= state.read) break;
    if (message.role === "bot") count += 1;
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
    messages: merge(continues ? state.messages : [], event.messages),
    // When the answer continues the list, it says nothing about what stands before the list.
    has_more: continues && state.messages.length > 0 ? state.has_more : event.has_more,
    older: "idle",
    refusal: null,
    troubles: same ? state.troubles : {},
    read: same ? state.read : 0,
  };
}

function noticed(state: ChatState, notice: Notice): ChatState {
  if (notice.message_id !== undefined) {
    return { ...state, troubles: { ...state.troubles, [notice.message_id]: notice } };
  }
  const others = state.notices.filter((known) => known.code !== notice.code);
  return { ...state, notices: [...others, notice] };
}

/** What stays true, or is worth reading, after the visitor has gone on. */
const LASTING = new Set(["no_storage", "conversation_changed", "unsupported_protocol"]);

/** What a new connection makes untrue: that one is signed out, that something did not work. */
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
        refusal: event.error ?? null,
        notices: connected ? without(state, isOverOnline) : state.notices,
      };
    }
    case "joined":
      return joined(state, event);
    case "left":
      return { ...EMPTY, connection: state.connection, refusal: state.refusal };
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
    case "notice":
    case "noticed":
      return noticed(state, event.notice);
    case "dismissed":
      return { ...state, notices: state.notices.filter((notice) => notice !== event.notice) };
    case "written":
      return {
        ...state,
        notices: without(state, (code) => !LASTING.has(code) && !code.startsWith("token_")),
      };
    case "read":
      return { ...state, read: head(state) };
  }
}

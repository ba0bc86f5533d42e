/**
 * The state of the desk as one value, and the function that applies events to it.
 *
 * Called by `desk.ts`. `reduce` is the only place where the state changes. Pure: no DOM, clock or random numbers.
 * Messages are sorted by `seq` and part, each `id` once, independent of the order of arrival.
 */

import type { DeskMessage, Detail, FeedEvent, FeedRow, Head, Me, Operator, Present, Row } from "./wire";

export type Tab = "inbox" | "search" | "review" | "numbers";

/** Which conversations the list shows. */
export type View = "waiting" | "mine" | "human" | "bot" | "all";

export const VIEWS: readonly View[] = ["waiting", "mine", "human", "bot", "all"];

/** What the listed conversations have in common, as the operator has entered it. "": any. Dates are `2026-11-30`. */
export interface Filter {
  readonly label: string;
  readonly channel: string;
  readonly operator: string;
  readonly from: string;
  readonly to: string;
}

export const NO_FILTER: Filter = { label: "", channel: "", operator: "", from: "", to: "" };

export interface Typist {
  readonly operator: Operator | null;
  /** When the last event came, in milliseconds. */
  readonly at: number;
}

/** A conversation that has been opened. */
export interface Opened extends Detail {
  readonly older: "idle" | "loading" | "failed";
}

export interface Notice {
  readonly key: string;
  readonly text: string;
}

export interface DeskState {
  readonly me: Me | null;
  /** Why there is no `me`: not asked yet, signed out, or the server cannot be reached. */
  readonly access: "checking" | "signed_out" | "unreachable" | "granted";
  readonly online: boolean;
  readonly tab: Tab;
  readonly view: View;
  readonly filter: Filter;
  /** All loaded rows, by `sender_id`. */
  readonly rows: Readonly<Record<string, Row>>;
  readonly loading: "idle" | "loading" | "failed";
  /** Where the list of the view goes on; null at its end. */
  readonly next: string | null;
  readonly selected: string | null;
  readonly opened: Readonly<Record<string, Opened>>;
  /** Who types where: by `sender_id`, then by the operator's id, `""` for the visitor. */
  readonly typing: Readonly<Record<string, Readonly<Record<string, Typist>>>>;
  readonly present: readonly Present[];
  readonly notices: readonly Notice[];
}

export type DeskEvent =
  | { type: "access"; access: DeskState["access"]; me?: Me }
  | { type: "online"; on: boolean }
  | { type: "tab"; tab: Tab }
  | { type: "view"; view: View }
  | { type: "filter"; filter: Filter }
  | { type: "loading" }
  | { type: "list_failed" }
  /** A page of the list. `next` is undefined for rows that are not the list of the view. */
  | { type: "rows"; rows: readonly Row[]; next?: string | null }
  | { type: "select"; sender_id: string | null }
  | { type: "detail"; detail: Detail; before?: number }
  | { type: "older"; sender_id: string; older: Opened["older"] }
  | { type: "head"; head: Head }
  | { type: "labels"; sender_id: string; labels: readonly string[] }
  | { type: "read"; sender_id: string }
  | { type: "feed"; event: FeedEvent; at: number; watched: boolean }
  | { type: "notice"; notice: Notice }
  | { type: "dismiss"; key: string };

export const EMPTY: DeskState = {
  me: null,
  access: "checking",
  online: false,
  tab: "inbox",
  view: "waiting",
  filter: NO_FILTER,
  rows: {},
  loading: "idle",
  next: null,
  selected: null,
  opened: {},
  typing: {},
  present: [],
  notices: [],
};

/** How many opened conversations are kept. */
const MAX_OPENED = 20;

/** A typist counts as gone when no event has come for this long. */
export const TYPING_MS = 10_000;

const NO_ROW: Omit<Row, "sender_id" | "handler"> = {
  operator: null,
  waiting_since: null,
  last: { role: "", text: "", timestamp: 0 },
  unread: 0,
  counted: 0,
  labels: [],
  channel: "",
  preview: "",
  fallback_rate: 0,
};

function part(message: DeskMessage): number {
  return Number(message.id.slice(message.id.indexOf(".") + 1)) || 0;
}

/** Merge two lists of messages: sorted, each id once. The newer version of a message wins. */
export function merge(known: readonly DeskMessage[], added: readonly DeskMessage[]): DeskMessage[] {
  const byId = new Map(known.map((message) => [message.id, message]));
  for (const message of added) byId.set(message.id, message);
  return [...byId.values()].sort((a, b) => a.seq - b.seq || part(a) - part(b));
}

function belongs(row: Row, view: View, me: Operator | undefined): boolean {
  switch (view) {
    case "waiting":
      return row.handler === "queue";
    case "mine":
      return row.handler === "human" && row.operator?.id === me?.id;
    case "human":
    case "bot":
      return row.handler === view;
    case "all":
      return true;
  }
}

/** Return the rows of a view: the queue oldest first, the others newest first. */
export function rowsOf(state: DeskState, view: View = state.view): Row[] {
  const rows = Object.values(state.rows).filter((row) => belongs(row, view, state.me?.operator));
  if (view === "waiting") return rows.sort((a, b) => (a.waiting_since ?? 0) - (b.waiting_since ?? 0));
  return rows.sort((a, b) => b.last.timestamp - a.last.timestamp);
}

/** Return the start of a day of the browser's time zone, in seconds since the epoch. Null: no date. */
export function dayOf(date: string, after = 0): number | null {
  const [year, month, day] = date.split("-").map(Number);
  if (year === undefined || month === undefined || day === undefined) return null;
  const time = new Date(year, month - 1, day + after).getTime();
  return Number.isNaN(time) ? null : time / 1000;
}

/** Return the rows of the view that match the filter. */
export function listedOf(state: DeskState): Row[] {
  const { label, channel, operator, from, to } = state.filter;
  const since = dayOf(from) ?? -Infinity;
  const until = dayOf(to, 1) ?? Infinity;
  return rowsOf(state).filter(
    (row) =>
      (label === "" || row.labels.includes(label)) &&
      (channel === "" || row.channel === channel) &&
      (operator === "" || row.operator?.id === operator) &&
      row.last.timestamp >= since &&
      row.last.timestamp < until,
  );
}

export function openedOf(state: DeskState): Opened | null {
  return state.selected === null ? null : (state.opened[state.selected] ?? null);
}

/** Return the other operators who type in a conversation now, and whether the visitor does. */
export function typists(
  state: DeskState,
  sender_id: string,
  now: number,
): { visitor: boolean; operators: Operator[] } {
  const all = Object.values(state.typing[sender_id] ?? {}).filter(({ at }) => now - at < TYPING_MS);
  const operators = all.flatMap(({ operator }) =>
    operator === null || operator.id === state.me?.operator.id ? [] : [operator],
  );
  return { visitor: all.some(({ operator }) => operator === null), operators };
}

/** Return whether the operator may answer. */
export function mayHandle({ me }: DeskState): boolean {
  return me?.role === "operator" || me?.role === "admin";
}

/** Return whether the operator may review messages. */
export function mayReview({ me }: DeskState): boolean {
  return me?.role === "reviewer" || me?.role === "admin";
}

/** Return the other operators who have a conversation open. */
export function viewers({ present, me }: DeskState, sender_id: string): Operator[] {
  return present.filter(({ id, viewing }) => viewing === sender_id && id !== me?.operator.id);
}

function withRow(state: DeskState, sender_id: string, change: Partial<Row>): DeskState {
  const known = state.rows[sender_id] ?? { sender_id, handler: "bot" as const, ...NO_ROW };
  return { ...state, rows: { ...state.rows, [sender_id]: { ...known, ...change } } };
}

/** Take over a row of the feed, which does not know what this operator has read. */
function rowed(state: DeskState, sender_id: string, row: FeedRow | null): DeskState {
  if (row === null) return state;
  const { unread, counted } = state.rows[sender_id] ?? NO_ROW;
  const next = withRow(state, sender_id, { ...row, unread, counted });
  return withOpened(next, sender_id, { labels: row.labels });
}

function withOpened(state: DeskState, sender_id: string, change: Partial<Opened>): DeskState {
  const known = state.opened[sender_id];
  if (known === undefined) return state;
  return { ...state, opened: { ...state.opened, [sender_id]: { ...known, ...change } } };
}

/** Forget the messages of an opened conversation whose log was erased or replaced. The page loads the new ones. */
function replaced(state: DeskState, sender_id: string, epoch: string): DeskState {
  const known = state.opened[sender_id];
  if (known === undefined || epoch === "" || known.head.epoch === epoch) return state;
  const head = { ...known.head, epoch, seq: 0 };
  return withOpened(state, sender_id, { head, messages: [], has_more: false });
}

function headed(before: DeskState, head: Head): DeskState {
  const { sender_id, handler, operator, waiting_since } = head;
  const state = replaced(before, sender_id, head.epoch);
  const known = state.opened[sender_id];
  // An answer can be older than an event that has overtaken it.
  if (known !== undefined && known.head.seq > head.seq) return state;
  const row =
    sender_id in state.rows ? withRow(state, sender_id, { handler, operator, waiting_since }) : state;
  return withOpened(row, sender_id, { head });
}

function detailed(state: DeskState, event: Extract<DeskEvent, { type: "detail" }>): DeskState {
  const { detail } = event;
  const { sender_id } = detail.head;
  const known = state.opened[sender_id];
  const isSame = known !== undefined && known.head.epoch === detail.head.epoch;
  if (isSame && event.before !== undefined) {
    const messages = merge(known.messages, detail.messages);
    return withOpened(state, sender_id, { messages, has_more: detail.has_more, older: "idle" });
  }
  // If a page lies between the known messages and these, the known ones would hide the gap.
  const meets = isSame && (known.messages.at(-1)?.seq ?? 0) >= (detail.messages[0]?.seq ?? 0);
  const opened: Opened = {
    ...detail,
    // An answer can be older than an event that has overtaken it.
    head: isSame && known.head.seq > detail.head.seq ? known.head : detail.head,
    messages: meets ? merge(known.messages, detail.messages) : detail.messages,
    has_more: meets ? known.has_more : detail.has_more,
    older: "idle",
  };
  const others = Object.entries(state.opened).filter(([id]) => id !== sender_id);
  const kept = Object.fromEntries(others.slice(-(MAX_OPENED - 1)));
  return headed({ ...state, opened: { ...kept, [sender_id]: opened } }, opened.head);
}

function fed(state: DeskState, { event, at, watched }: Extract<DeskEvent, { type: "feed" }>): DeskState {
  switch (event.type) {
    case "conversation":
      return headed(rowed(state, event.head.sender_id, event.row), event.head);
    case "gone": {
      const { [event.sender_id]: _row, ...rows } = state.rows;
      const { [event.sender_id]: _opened, ...opened } = state.opened;
      const selected = state.selected === event.sender_id ? null : state.selected;
      return { ...state, rows, opened, selected };
    }
    case "message": {
      const { sender_id, messages } = event;
      let next = rowed(replaced(state, sender_id, event.epoch), sender_id, event.row);
      const known = next.opened[sender_id];
      if (known !== undefined)
        next = withOpened(next, sender_id, { messages: merge(known.messages, messages) });
      for (const { role, operator } of messages)
        if (role === "user" || operator !== null) next = stopped(next, sender_id, operator?.id ?? "");
      const row = next.rows[sender_id];
      if (row === undefined) return next;
      // The list may have been loaded since the message was stored, and then counts it already.
      const heard = messages.filter(({ role, seq }) => role === "user" && seq > row.counted).length;
      const counted = messages.reduce((newest, { seq }) => Math.max(newest, seq), row.counted);
      return withRow(next, sender_id, { unread: watched ? 0 : row.unread + heard, counted });
    }
    case "typing": {
      const key = event.operator?.id ?? "";
      if (!event.on) return stopped(state, event.sender_id, key);
      const here = { ...state.typing[event.sender_id], [key]: { operator: event.operator, at } };
      return { ...state, typing: { ...state.typing, [event.sender_id]: here } };
    }
    case "presence":
      return { ...state, present: event.operators };
    case "reset":
      return { ...state, rows: {}, next: null, typing: {} };
  }
}

function stopped(state: DeskState, sender_id: string, key: string): DeskState {
  const here = state.typing[sender_id];
  if (here === undefined || !(key in here)) return state;
  const { [key]: _, ...others } = here;
  return { ...state, typing: { ...state.typing, [sender_id]: others } };
}

export function reduce(state: DeskState, event: DeskEvent): DeskState {
  switch (event.type) {
    case "access":
      return {
        ...state,
        access: event.access,
        me: event.me ?? (event.access === "granted" ? state.me : null),
      };
    case "online":
      return state.online === event.on ? state : { ...state, online: event.on };
    case "tab":
      return { ...state, tab: event.tab };
    case "view":
      return { ...state, view: event.view, next: null };
    case "filter":
      return { ...state, filter: event.filter, next: null };
    case "loading":
      return { ...state, loading: "loading" };
    case "list_failed":
      return { ...state, loading: "failed" };
    case "rows": {
      const rows = { ...state.rows };
      for (const row of event.rows) rows[row.sender_id] = row;
      if (event.next === undefined) return { ...state, rows };
      return { ...state, rows, next: event.next, loading: "idle" };
    }
    case "select":
      return { ...state, selected: event.sender_id };
    case "detail":
      return detailed(state, event);
    case "older":
      return withOpened(state, event.sender_id, { older: event.older });
    case "head":
      return headed(state, event.head);
    case "labels": {
      const { sender_id, labels } = event;
      const row = sender_id in state.rows ? withRow(state, sender_id, { labels }) : state;
      return withOpened(row, sender_id, { labels });
    }
    case "read":
      return event.sender_id in state.rows ? withRow(state, event.sender_id, { unread: 0 }) : state;
    case "feed":
      return fed(state, event);
    case "notice":
      return {
        ...state,
        notices: [...state.notices.filter(({ key }) => key !== event.notice.key), event.notice],
      };
    case "dismiss":
      return { ...state, notices: state.notices.filter(({ key }) => key !== event.key) };
  }
}

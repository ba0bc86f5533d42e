import { describe, expect, it } from "vitest";

import {
  EMPTY,
  listedOf,
  NO_FILTER,
  reduce,
  rowsOf,
  typists,
  TYPING_MS,
  viewers,
  type DeskEvent,
  type DeskState,
  type Filter,
} from "../../src/desk/state";
import type { FeedEvent } from "../../src/desk/wire";
import { ADA, detail, head, ME, message, row, showing } from "./samples";

const fed = (state: DeskState, event: FeedEvent, extra: Partial<Extract<DeskEvent, { type: "feed" }>> = {}) =>
  reduce(state, { type: "feed", event, at: 1_000, watched: false, ...extra });
const seqs = (state: DeskState): number[] => state.opened["v"]!.messages.map(({ seq }) => seq);

describe("the list", () => {
  it("shows the queue oldest first, and other views newest first", () => {
    const at = (timestamp: number) => ({ last: { role: "user", text: "", timestamp } });
    let state = showing();
    state = reduce(state, {
      type: "rows",
      rows: [
        row("late", { handler: "queue", waiting_since: 20, ...at(20) }),
        row("early", { handler: "queue", waiting_since: 10, ...at(30) }),
        row("mine", { handler: "human", operator: ME.operator, ...at(5) }),
        row("hers", { handler: "human", operator: ADA, ...at(6) }),
      ],
      next: null,
    });

    expect(rowsOf(state, "waiting").map(({ sender_id }) => sender_id)).toEqual(["early", "late"]);
    expect(rowsOf(state, "mine").map(({ sender_id }) => sender_id)).toEqual(["mine"]);
    expect(rowsOf(state, "human").map(({ sender_id }) => sender_id)).toEqual(["hers", "mine"]);
    expect(rowsOf(state, "all")[0]!.sender_id).toBe("early");
  });

  it("follows the feed: a conversation moves to another view, and an erased one goes", () => {
    const waiting = head(5, { handler: "queue", waiting_since: 1 });
    const {
      unread: _,
      counted: __,
      ...shown
    } = row("v", { handler: "queue", waiting_since: 1, labels: ["urgent"] });
    const state = fed(showing(message(3)), { type: "conversation", head: waiting, row: shown });
    expect(rowsOf(state, "waiting")).toHaveLength(1);
    expect(state.opened["v"]!.labels).toEqual(["urgent"]);

    const gone = fed(state, { type: "gone", sender_id: "v" });
    expect([gone.rows, gone.opened, gone.selected]).toEqual([{}, {}, null]);
  });

  it("counts the visitor's messages that the operator does not see", () => {
    const { unread: _, counted: __, ...shown } = row("v");
    const said: FeedEvent = {
      type: "message",
      sender_id: "v",
      epoch: "e",
      messages: [message(5), message(7, "bot")],
      row: shown,
    };

    expect(fed(showing(), said).rows["v"]!.unread).toBe(1);
    expect(fed(showing(), said, { watched: true }).rows["v"]!.unread).toBe(0);
  });

  it("counts a message once, although the list that contains it arrives before the event", () => {
    const listed = row("v", { unread: 1, counted: 5 });
    let state = reduce(showing(), { type: "rows", rows: [listed], next: null });
    const says = (seq: number): FeedEvent => ({
      type: "message",
      sender_id: "v",
      epoch: "e",
      messages: [message(seq)],
      row: null,
    });
    state = fed(state, says(5));
    expect(state.rows["v"]!.unread).toBe(1);
    state = fed(fed(state, says(7)), says(7));
    expect(state.rows["v"]!.unread).toBe(2);
  });

  it("is empty after a reset of the feed", () => {
    expect(fed(showing(), { type: "reset" }).rows).toEqual({});
  });
});

describe("an open conversation", () => {
  it("has each message once, in order, independent of the order of arrival", () => {
    const late: FeedEvent = {
      type: "message",
      sender_id: "v",
      epoch: "e",
      messages: [message(9), message(5)],
      row: null,
    };
    let state = fed(showing(message(3), message(5)), late);
    state = fed(state, {
      type: "message",
      sender_id: "v",
      epoch: "e",
      messages: [message(7), message(9)],
      row: null,
    });

    expect(seqs(state)).toEqual([3, 5, 7, 9]);
  });

  it("gets older pages in front, and keeps no gap", () => {
    let state = showing(message(9), message(11));
    state = reduce(state, {
      type: "detail",
      detail: detail([message(5), message(7)], { has_more: true }),
      before: 9,
    });
    expect(seqs(state)).toEqual([5, 7, 9, 11]);
    expect(state.opened["v"]!.has_more).toBe(true);

    state = reduce(state, { type: "detail", detail: detail([message(40), message(42)], { has_more: true }) });
    expect(seqs(state)).toEqual([40, 42]);
  });

  it("keeps the newer head if an older answer arrives late", () => {
    let state = reduce(showing(message(3)), {
      type: "head",
      head: head(9, { handler: "human", operator: ADA }),
    });
    state = reduce(state, { type: "head", head: head(7, { handler: "queue" }) });

    expect(state.opened["v"]!.head.handler).toBe("human");
    expect(state.rows["v"]!.operator).toEqual(ADA);
  });

  it("shows who types, until they stop, write, or fall silent", () => {
    const types = (operator: typeof ADA | null, on = true): FeedEvent => ({
      type: "typing",
      sender_id: "v",
      operator,
      on,
    });
    let state = fed(fed(fed(showing(), types(ADA)), types(null)), types(ME.operator));
    expect(typists(state, "v", 2_000)).toEqual({ visitor: true, operators: [ADA] });
    expect(typists(state, "v", 1_000 + TYPING_MS)).toEqual({ visitor: false, operators: [] });

    state = fed(state, { type: "message", sender_id: "v", epoch: "e", messages: [message(5)], row: null });
    expect(typists(state, "v", 2_000)).toEqual({ visitor: false, operators: [ADA] });
    expect(typists(fed(state, types(ADA, false)), "v", 2_000).operators).toEqual([]);
  });

  it("names the others who look at it", () => {
    const present = [ADA, ME.operator].map((operator) => ({ ...operator, viewing: "v" }));
    const state = fed(showing(), { type: "presence", operators: present });

    expect(viewers(state, "v").map(({ name }) => name)).toEqual(["Ada"]);
    expect(viewers(state, "other")).toEqual([]);
  });
});

describe("a conversation whose log was erased or replaced", () => {
  it("no longer shows what was erased, whichever event comes first", () => {
    const says: FeedEvent = {
      type: "message",
      sender_id: "v",
      epoch: "f",
      messages: [message(1)],
      row: null,
    };
    const anew = head(1, { epoch: "f" });
    let state = fed(showing(message(3), message(5)), says);
    expect(seqs(state)).toEqual([1]);
    state = fed(state, { type: "conversation", head: anew, row: null });
    state = reduce(state, { type: "detail", detail: detail([message(1), message(2)], { head: anew }) });
    expect(seqs(state)).toEqual([1, 2]);

    state = fed(showing(message(3)), { type: "conversation", head: anew, row: null });
    expect(seqs(state)).toEqual([]);
    expect(state.opened["v"]!.head).toEqual(anew);
  });
});

describe("a conversation whose answer an event has overtaken", () => {
  it("keeps the handler of the event", () => {
    const state = showing(message(1));
    const taken = head(5, { handler: "human", operator: ADA });
    const later = fed(state, { type: "conversation", head: taken, row: null });
    const after = reduce(later, { type: "detail", detail: detail([message(1)]) });

    expect(after.opened["v"]!.head).toEqual(taken);
  });
});

describe("the filter", () => {
  it("keeps rows with the label, channel, operator and days, and does not change the counts", () => {
    const at = (year: number): number => new Date(year, 4, 5, 12).getTime() / 1000;
    const rows = [
      row("a", { labels: ["vip"], channel: "rest", last: { role: "user", text: "", timestamp: at(2024) } }),
      row("b", { labels: ["vip"], channel: "slack", last: { role: "user", text: "", timestamp: at(2025) } }),
      row("c", { channel: "rest", last: { role: "user", text: "", timestamp: at(2026) } }),
    ];
    const all = reduce(reduce(EMPTY, { type: "view", view: "all" }), { type: "rows", rows, next: null });
    const listed = (change: Partial<Filter>): string[] =>
      listedOf(reduce(all, { type: "filter", filter: { ...NO_FILTER, ...change } }))
        .map(({ sender_id }) => sender_id)
        .sort();

    expect(listed({})).toEqual(["a", "b", "c"]);
    expect(listed({ label: "vip" })).toEqual(["a", "b"]);
    expect(listed({ label: "vip", channel: "rest" })).toEqual(["a"]);
    expect(listed({ operator: "nobody" })).toEqual([]);
    expect(listed({ from: "2025-05-05" })).toEqual(["b", "c"]);
    expect(listed({ from: "2025-05-05", to: "2025-05-05" })).toEqual(["b"]);
    expect(listed({ to: "not a date" })).toEqual(["a", "b", "c"]);
    expect(rowsOf(all)).toHaveLength(3);
  });
});

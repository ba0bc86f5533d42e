import { describe, expect, it } from "vitest";

import type { BotMessage, Message, UserMessage } from "../../src/client/wire";
import { EMPTY, merge, reduce, unread, type ChatState } from "../../src/state/state";
import { chosenOf, pendingEntries, transcript } from "../../src/state/transcript";

const NOON = new Date(2026, 4, 4, 12).getTime() / 1000;

function bot(seq: number, body: BotMessage["body"] = { text: `b${seq}` }, part = 0, parts = 1): BotMessage {
  return { role: "bot", body, seq, id: `${seq}.${part}`, parts, prev: 0, timestamp: NOON + seq };
}

function user(seq: number, message: string, extra: Partial<UserMessage> = {}): UserMessage {
  return {
    role: "user",
    message,
    message_id: `m${seq}`,
    seq,
    id: `${seq}.0`,
    parts: 1,
    prev: 0,
    timestamp: NOON + seq,
    ...extra,
  };
}

function showing(...messages: Message[]): ChatState {
  return reduce(EMPTY, {
    type: "joined",
    session_id: "s",
    epoch: "e",
    resumed: true,
    messages,
    has_more: false,
    continues: false,
    typing: false,
    plain: false,
  });
}

/** A small generator of chance that gives the same series for the same seed. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

describe("the list of messages", () => {
  it("is the same whatever the order and number of arrivals", () => {
    const all = [
      bot(1),
      user(3, "a"),
      bot(5, { text: "x" }, 0, 2),
      bot(5, { text: "y" }, 1, 2),
      user(9, "b"),
      bot(12),
    ];
    const expected = all.map((message) => message.id);
    for (let seed = 1; seed <= 200; seed += 1) {
      const next = chance(seed);
      const arrivals = [...all, ...all.filter(() => next() < 0.5)].sort(() => next() - 0.5);
      let state = showing();
      for (const message of arrivals) {
        state =
          next() < 0.5
            ? reduce(state, { type: "message", message })
            : { ...state, messages: merge(state.messages, [message]) };
      }
      expect(state.messages.map((message) => message.id)).toEqual(expected);
    }
  });

  it("sorts parts by number, not by letter", () => {
    const parts = Array.from({ length: 12 }, (_, part) => bot(1, { text: String(part) }, part, 12));

    expect(merge([], parts.toReversed()).map((message) => message.id)).toEqual(
      parts.map((message) => message.id),
    );
  });

  it("stays the very same object when nothing is new", () => {
    const known = [bot(1), bot(2)];

    expect(merge(known, [bot(1)])).toBe(known);
  });

  it("is replaced by another session's, and continued by the same", () => {
    const before = showing(bot(1));
    const event = {
      type: "joined",
      session_id: "s",
      epoch: "e",
      resumed: true,
      messages: [bot(2)],
      has_more: false,
      continues: true,
      typing: false,
      plain: false,
    } as const;

    expect(reduce(before, event).messages.length).toBe(2);
    expect(reduce(before, { ...event, epoch: "other" }).messages.length).toBe(1);
  });
});

describe("leaving", () => {
  it("takes everything that was said off the page", () => {
    const left = reduce(showing(user(1, "a secret"), bot(2)), { type: "left" });

    expect(left.messages).toEqual([]);
    expect(left.session_id).toBe(null);
  });
});

describe("unread", () => {
  it("counts the assistant's messages after what was read", () => {
    let state = reduce(showing(bot(1), user(2, "hi")), { type: "read" });
    expect(unread(state)).toBe(0);
    state = reduce(state, { type: "message", message: bot(3) });
    state = reduce(state, { type: "message", message: user(4, "from another tab") });

    expect(unread(state)).toBe(1);
  });
});

describe("the transcript", () => {
  it("draws no bare payload, but what was clicked by its title", () => {
    const items = transcript(
      showing(user(1, "/greet", { payload: true }), bot(2), user(3, "/book", { title: "Book a table" })),
    );

    expect(items.flatMap((item) => (item.kind === "user" ? [item.text] : []))).toEqual(["Book a table"]);
  });

  it("draws a divider for each day, restart and resumed session", () => {
    const late = { ...bot(9), timestamp: NOON + 86_400, divider: "session" as const };
    const items = transcript(showing(bot(1), { ...bot(3), divider: "restart" as const }, late));

    expect(items.map((item) => item.kind)).toEqual(["day", "bot", "divider", "bot", "day", "divider", "bot"]);
  });

  it("keeps quick replies open until the visitor says anything, also a bare payload", () => {
    const asked = bot(1, { text: "?", quick_replies: [{ title: "Yes", payload: "/yes" }] });
    const choice = (state: ChatState) =>
      transcript(state).flatMap((item) => (item.kind === "bot" ? [item.choice] : []))[0];

    expect(choice(showing(asked))).toEqual({ open: true, chosen: null });
    expect(choice(showing(asked, bot(2)))).toEqual({ open: true, chosen: null });
    expect(choice(showing(asked, user(2, "/yes", { title: "Yes" })))).toEqual({
      open: false,
      chosen: "/yes",
      title: "Yes",
    });
    expect(choice(showing(asked, user(2, "/other", { payload: true })))?.open).toBe(false);
  });

  it("knows the chosen one of two buttons with the same payload by its title", () => {
    const buttons = ["Today", "Tomorrow", "Never"].map((title) => ({
      title,
      payload: title === "Never" ? "/no" : "/day",
      url: null,
    }));
    const asked = bot(1);
    const choice = (state: ChatState) =>
      transcript(state).flatMap((item) => (item.kind === "bot" ? [item.choice] : []))[0]!;
    const chosen = (...said: Message[]): string[] =>
      chosenOf(buttons, choice(showing(asked, ...said))).map((button) => button.title);

    expect(chosen()).toEqual([]);
    expect(chosen(user(2, "/day", { title: "Tomorrow" }))).toEqual(["Tomorrow"]);
    expect(chosen(user(2, "/day"))).toEqual(["Today", "Tomorrow"]);
    expect(chosen(user(2, "/no", { title: "by other words" }))).toEqual(["Never"]);
    expect(chosen(user(2, "hello"))).toEqual([]);
  });

  it("consumes quick replies with a message that is on its way, but not with one that failed", () => {
    const asked = showing(bot(1, { text: "?", quick_replies: [{ title: "Yes", payload: "/yes" }] }));
    const entry = {
      message_id: "m1",
      session_id: "s",
      epoch: "e",
      message: "/yes",
      title: "Yes",
      written: 1,
    };
    const choice = (state: ChatState) =>
      transcript(state).flatMap((item) => (item.kind === "bot" ? [item.choice] : []))[0];

    expect(choice({ ...asked, outbox: [{ ...entry, state: "sending" }] })).toEqual({
      open: false,
      chosen: "/yes",
      title: "Yes",
    });
    expect(choice({ ...asked, outbox: [{ ...entry, state: "failed" }] })?.open).toBe(true);
  });

  it("puts the cards of one answer beside each other", () => {
    const card = (title: string) => ({ attachment: { type: "template", payload: { elements: { title } } } });
    const items = transcript(
      showing(
        bot(1, { text: "Two:" }, 0, 3),
        bot(1, card("A"), 1, 3),
        bot(1, card("B"), 2, 3),
        bot(2, card("C")),
      ),
    );
    const cards = items
      .flatMap((item) => (item.kind === "bot" ? item.contents : []))
      .filter((piece) => piece.kind === "cards");

    expect(cards.map((piece) => piece.cards.map((one) => one.title))).toEqual([["A", "B"], ["C"]]);
  });

  it("knows in a window what was said after it", () => {
    const asked = bot(1, { text: "?", quick_replies: [{ title: "Yes", payload: "/yes" }] });
    const items = transcript(showing(asked, bot(2), user(3, "no")), 0, 1);

    expect(items.flatMap((item) => (item.kind === "bot" ? [item.choice.open] : []))).toEqual([false]);
  });

  it("shows what is on its way at the end, until the log has it, under the same key", () => {
    const entry = {
      message_id: "m2",
      session_id: "s",
      epoch: "e",
      message: "hi",
      written: 1,
      state: "sending" as const,
    };
    const waiting = { ...showing(bot(1)), outbox: [entry] };
    const arrived = reduce(waiting, { type: "message", message: user(2, "hi") });

    expect(transcript(waiting).at(-1)).toMatchObject({ kind: "pending", key: "m2" });
    expect(pendingEntries(arrived)).toEqual([]);
    expect(transcript(arrived).at(-1)).toMatchObject({ kind: "user", key: "m2" });
  });
});

describe("notices", () => {
  it("stand once for each cause, and go when dismissed", () => {
    const notice = { code: "no_storage", message: "" };
    let state = reduce(reduce(EMPTY, { type: "notice", notice }), { type: "notice", notice: { ...notice } });
    expect(state.notices.length).toBe(1);
    state = reduce(state, { type: "dismissed", notice: state.notices[0]! });

    expect(state.notices).toEqual([]);
  });
});

describe("notices", () => {
  function noticing(...codes: string[]): ChatState {
    return codes.reduce(
      (state, code) => reduce(state, { type: "notice", notice: { code, message: "" } }),
      showing(),
    );
  }
  const codes = (state: ChatState): string[] => state.notices.map((notice) => notice.code);

  it("about being signed out, and about what did not work, go away with a new connection", () => {
    let state = noticing("token_expired", "token_revoked", "failed_request", "session_reset", "no_storage");
    state = reduce(state, { type: "connection", status: "offline" });
    expect(codes(state).length).toBe(5);
    state = reduce(state, { type: "connection", status: "online" });
    expect(codes(state)).toEqual(["session_reset", "no_storage"]);

    state = reduce(state, { type: "noticed", notice: { code: "failed_request", message: "" } });
    state = reduce(state, { type: "connection", status: "online" }); // still the same connection
    expect(codes(state)).toContain("failed_request");
  });

  it("about the past go away when the visitor goes on; what is still true, or unsent, stays", () => {
    const state = noticing("session_reset", "session_lost", "failed_request", "no_storage", "token_expired");
    const dropped = reduce(state, {
      type: "notice",
      notice: { code: "conversation_changed", message: "my words" },
    });
    expect(codes(reduce(dropped, { type: "written" }))).toEqual([
      "no_storage",
      "token_expired",
      "conversation_changed",
    ]);
  });
});

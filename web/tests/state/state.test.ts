import { describe, expect, it } from "vitest";

import { EMPTY, merge, reduce, unread, type ChatState } from "../../src/state/state";
import { bot, showing, user } from "./messages";

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
      files: null,
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

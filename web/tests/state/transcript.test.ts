import { describe, expect, it } from "vitest";

import type { Message } from "../../src/client/wire";
import { reduce, type ChatState } from "../../src/state/state";
import { chosenOf, pendingEntries, transcript } from "../../src/state/transcript";
import { agent, bot, NOON, showing, user } from "./messages";

const ADA = { type: "handler", handler: "human", operator: { id: "ada", name: "Ada" } } as const;
const BOT = { type: "handler", handler: "bot" } as const;

/** Names of operators with `+` where they joined and `-` where they left, texts of the other items. */
function outline(state: ChatState): string[] {
  return transcript(state).flatMap((item) => {
    if (item.kind === "person") return [`${item.joined ? "+" : "-"}${item.name}`];
    if (item.kind === "bot") return [String(item.message.body["text"])];
    return item.kind === "user" ? [item.text] : [];
  });
}

describe("operators", () => {
  it("join before their first message and leave before the bot's next one", () => {
    const log = showing(user(1, "help"), agent(2), user(3, "thanks"), agent(4), bot(5), agent(6, "Bo"));

    expect(outline(log)).toEqual(["help", "+Ada", "a2", "thanks", "a4", "-Ada", "b5", "+Bo", "a6", "-Bo"]);
  });

  it("are shown at the end while they have said nothing, and after they have left", () => {
    const waiting = showing(user(1, "help"));
    const joined = reduce(waiting, ADA);
    const left = reduce(showing(user(1, "help"), agent(2)), BOT);

    expect(outline(joined)).toEqual(["help", "+Ada"]);
    expect(outline(left)).toEqual(["help", "+Ada", "a2", "-Ada"]);
  });

  it("stay in the place where this tab has seen them join or leave", () => {
    let state = reduce(reduce(showing(user(1, "help")), BOT), ADA);
    for (const message of [user(2, "hello?"), agent(3), user(4, "thanks")])
      state = reduce(state, { type: "message", message });
    state = reduce(state, { ...BOT, rate: true });
    for (const message of [user(6, "one more thing"), bot(7)])
      state = reduce(state, { type: "message", message });

    expect(outline(state)).toEqual([
      "help",
      "+Ada",
      "hello?",
      "a3",
      "thanks",
      "-Ada",
      "one more thing",
      "b7",
    ]);
    expect(state.rating).toBe("asked");
  });

  it("do not join with the first loaded message of a longer log", () => {
    expect(outline({ ...showing(agent(8), bot(9)), has_more: true })).toEqual(["a8", "-Ada", "b9"]);
  });

  it("start a new group after another person or the bot", () => {
    const starts = transcript(showing(agent(1), agent(2), agent(3, "Bo"), bot(4))).flatMap((item) =>
      item.kind === "bot" ? [item.starts] : [],
    );

    expect(starts).toEqual([true, false, true, true]);
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

describe("new messages", () => {
  const kinds = (state: ChatState): string[] => transcript(state).map(({ kind }) => kind);

  it("are below a divider after the visitor returns, until the visitor writes", () => {
    let state = reduce(showing(bot(1)), { type: "read" });
    state = reduce(state, { type: "message", message: bot(2) });
    state = reduce(state, { type: "message", message: bot(3) });
    expect(kinds(state)).toEqual(["day", "bot", "bot", "bot"]);

    state = reduce(state, { type: "returned" });
    expect(kinds(state)).toEqual(["day", "bot", "new", "bot", "bot"]);
    expect(state.read).toBe(3);
    state = reduce(state, { type: "message", message: bot(4) });
    expect(kinds(reduce(state, { type: "read" }))).toEqual(["day", "bot", "new", "bot", "bot", "bot"]);
    expect(kinds(reduce(state, { type: "written" }))).not.toContain("new");
  });

  it("have no divider if the visitor has seen all, or has only written", () => {
    const state = reduce(showing(bot(1), user(2, "hi")), { type: "read" });

    expect(kinds(reduce(state, { type: "returned" }))).not.toContain("new");
    const written = reduce(state, { type: "message", message: user(3, "and") });
    expect(kinds(reduce(written, { type: "returned" }))).not.toContain("new");
  });

  it("begin after the mark of an earlier visit", () => {
    const state = reduce(reduce(showing(bot(1), bot(2), bot(3)), { type: "read" }), {
      type: "returned",
      seq: 1,
    });

    expect(kinds(state)).toEqual(["day", "bot", "new", "bot", "bot"]);
  });
});

it("marks the last message of each reply", () => {
  const items = transcript(showing(bot(1), bot(2), user(3, "hi"), bot(4), agent(5), bot(6)));
  const ends = items.flatMap((item) => (item.kind === "bot" ? [item.ends] : []));

  expect(ends).toEqual([false, true, true, true, true]);
});

it("does not mark a message at the edge of the window whose reply continues", () => {
  const items = transcript(showing(bot(1), bot(2), bot(3)), 0, 2);

  expect(items.flatMap((item) => (item.kind === "bot" ? [item.ends] : []))).toEqual([false, false]);
});

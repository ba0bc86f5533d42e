import { describe, expect, it } from "vitest";

import { conversationPath } from "../../src/desk/api";
import { filled, matching } from "../../src/desk/canned";
import { commandOf } from "../../src/desk/keys";
import { readReport } from "../../src/desk/numbers";
import { marked } from "../../src/desk/search";
import { itemsOf } from "../../src/desk/talk";
import { duration } from "../../src/desk/times";
import { niceDuration, niceMaximum, tableOf } from "../../src/desk/views/numbers";
import { readDetail, readFeedEvent, readMe, readMessage, readRows } from "../../src/desk/wire";
import { en } from "../../src/desk/words/en";
import { ADA, message } from "./samples";

const pressed = (key: string, extra = {}) => ({
  key,
  code: "",
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  isComposing: false,
  ...extra,
});

describe("keys", () => {
  it("mean something outside text fields only, and never with a modifier", () => {
    expect(["j", "k", "r", "t", "b", "/", "?"].map((key) => commandOf(pressed(key), false))).toEqual([
      "next",
      "previous",
      "reply",
      "take",
      "hand_back",
      "search",
      "help",
    ]);
    expect(commandOf(pressed("j"), true)).toBe(null);
    expect(commandOf(pressed("ت", { code: "KeyJ" }), false)).toBe("next");
    expect(commandOf(pressed("h", { code: "KeyJ" }), false)).toBe(null);
    expect(commandOf(pressed("r", { ctrlKey: true }), false)).toBe(null);
    expect(commandOf(pressed("Escape"), true)).toBe("leave");
    expect(commandOf(pressed("Escape", { isComposing: true }), true)).toBe(null);
  });
});

describe("canned replies", () => {
  const replies = [
    { key: "bye", text: "Goodbye" },
    { key: "hours", text: "Open from 9" },
    { key: "where", text: "Our opening hours and address" },
  ];

  it("are found by a draft that begins with a slash", () => {
    expect(matching(replies, "/ho").map(({ key }) => key)).toEqual(["hours", "where"]);
    expect(matching(replies, "/")).toHaveLength(3);
    expect(matching(replies, "ho")).toEqual([]);
    expect(matching(replies, "/usr/bin\nis a path")).toEqual([]);
  });

  it("are filled with slots and the operator's name; what is unknown stays", () => {
    const slots = { name: "Grace", people: 4, date: null, list: ["a"] };
    expect(filled("{name}, {people}, {date}, {list}, {constructor}, {operator}", slots, "Ada")).toBe(
      'Grace, 4, {date}, ["a"], {constructor}, Ada',
    );
  });
});

describe("the wire", () => {
  it("is read field by field, whatever the server sends", () => {
    expect(
      readRows({ conversations: [{ sender_id: "v", last: null, labels: [1, "a"] }, null, {}] }),
    ).toMatchObject({
      rows: [{ sender_id: "v", handler: "bot", unread: 0, labels: ["a"], last: { text: "" } }],
      next: null,
    });
    expect(readDetail({ messages: [] })).toBe(null);
    expect(readMe({ operator: { id: "1", name: "A" }, role: "owner" })?.role).toBe("viewer");
    expect(readMessage({ seq: 3, role: "weird" })?.role).toBe("event");
    expect(readFeedEvent("unknown", {})).toBe(null);
    expect(readFeedEvent("conversation", { sender_id: "v", gone: true })).toEqual({
      type: "gone",
      sender_id: "v",
    });
  });

  it("knows the form and the slot that it asks for", () => {
    const page = {
      head: { sender_id: "v", epoch: "e", seq: 4, handler: "bot" },
      active_loop: "booking",
      slots: { requested_slot: "date" },
    };
    expect(readDetail(page)?.active_loop).toEqual({ name: "booking", requested_slot: "date" });
  });

  it("encodes ids once, also slashes", () => {
    expect(conversationPath("a/b c%", "/say")).toBe("conversations/a%2Fb%20c%25/say");
  });
});

describe("an open conversation", () => {
  it("groups the messages of one sender, and has a divider for each day", () => {
    const noon = new Date(2026, 4, 4, 12).getTime() / 1000;
    const at = (seq: number) => ({ timestamp: noon + seq });
    const items = itemsOf(
      [
        message(1, "user", at(1)),
        message(2, "user", at(2)),
        message(3, "agent", { ...at(3), operator: ADA }),
        message(4, "agent", { timestamp: noon + 90_000, operator: ADA }),
      ],
      [],
    );

    expect(items.map((item) => (item.kind === "message" ? item.starts : item.kind))).toEqual([
      "day",
      true,
      false,
      true,
      "day",
      true,
    ]);
  });
});

describe("search", () => {
  it("marks the words of the query literally", () => {
    expect(marked("A table (big) for two", "TABLE (big)")).toEqual([
      { text: "A ", hit: false },
      { text: "table", hit: true },
      { text: " ", hit: false },
      { text: "(big)", hit: true },
      { text: " for two", hit: false },
    ]);
    expect(marked("text", " ")).toEqual([{ text: "text", hit: false }]);
  });
});

describe("numbers", () => {
  it("have axes that are easy to read", () => {
    expect([0, 0.07, 3, 12, 51, 4_000].map(niceMaximum)).toEqual([1, 0.1, 5, 20, 100, 5_000]);
    expect([5, 45, 100, 5_000, 100_000].map(niceDuration)).toEqual([10, 60, 120, 7_200, 172_800]);
    expect([40, 99, 100, 7_200, 200_000].map((seconds) => duration(seconds, en))).toEqual([
      "40 s",
      "99 s",
      "2 min",
      "2 h",
      "2 d",
    ]);
  });

  it("are a table with the newest day first and a dash for what does not exist", () => {
    const report = readReport({
      buckets: [
        {
          start: 1,
          conversations: 2,
          messages: { user: 3, bot: 4 },
          containment: 0.5,
          waiting: { median: 30 },
        },
        { start: 2, conversations: 1, messages: { user: 1 } },
      ],
    });
    const [heads, ...rows] = tableOf(report.buckets, ({ start }) => `day ${start}`, en);

    expect(heads).toHaveLength(12);
    expect(rows.map((cells) => cells.slice(0, 8))).toEqual([
      ["day 2", "1", "0", "1", "–", "–", "0", "–"],
      ["day 1", "2", "0", "7", "50 %", "–", "0", "30 s"],
    ]);
  });
});

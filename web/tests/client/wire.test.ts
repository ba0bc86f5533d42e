import { describe, expect, it } from "vitest";

import {
  isAnswer,
  readError,
  readMessage,
  readMessages,
  readPage,
  readSessionAnswer,
  readSessions,
  writeMessage,
} from "../../src/client/wire";

const NUMBERS = { seq: 4, id: "4.0", parts: 1, prev: 2, timestamp: 9 };

describe("readMessage", () => {
  it("separates numbers and body, and writeMessage joins them again", () => {
    const json = { role: "bot", ...NUMBERS, text: "hi", custom: { a: 1 } };
    const message = readMessage(json)!;

    expect(message).toEqual({ role: "bot", ...NUMBERS, body: { text: "hi", custom: { a: 1 } } });
    expect(writeMessage(message)).toEqual(json);
  });

  it("gives missing fields a default, and rejects a message without a number", () => {
    expect(readMessage({ seq: 3, message: 7, title: 1 }, "user")).toEqual({
      role: "user",
      ...{ seq: 3, id: "3.0", parts: 1, prev: 0, timestamp: 0 },
      message: "",
      message_id: "",
    });
    expect(readMessages([null, 1, { text: "x" }, { seq: "4" }])).toEqual([]);
    expect(readMessages("x")).toEqual([]);
  });
});

describe("readError", () => {
  it("is null for a success only", () => {
    expect(readError({ ok: true })).toBe(null);
    for (const answer of [undefined, null, 1, "x", [], { ok: false }, { ok: "yes" }])
      expect(readError(answer)?.code).toBe("unreadable_answer");
  });

  it("reads code, message and wait", () => {
    const error = { code: "busy", message: "busy", retry_after: 3, supported: [1] };
    expect(readError({ ok: false, error })).toEqual(error);
    expect(readError({ ok: false, error: { code: "busy" }, retry_after: 1 })?.retry_after).toBe(1);
  });
});

describe("answers", () => {
  it("of a plain server are not answers of protocol 1", () => {
    expect([undefined, null, "s", {}, { ok: 1 }].map(isAnswer)).toEqual([false, false, false, false, false]);
    expect(isAnswer({ ok: false })).toBe(true);
  });

  it("are read field by field", () => {
    expect(readSessionAnswer({ ok: true })).toBe(null);
    expect(readSessionAnswer({ session_id: "s", resumed: "yes", session_token: 7 })).toEqual({
      session_id: "s",
      epoch: "",
      seq: 0,
      resumed: false,
      messages: [],
      has_more: false,
      gap: false,
      typing: false,
    });
    expect(readPage(null)).toEqual({ messages: [], has_more: false });
    expect(readSessions({ sessions: [{ session_id: "s", last: 2 }, null] })).toEqual([
      { session_id: "s", started: 0, last: 2, preview: "" },
    ]);
  });
});

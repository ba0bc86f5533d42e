// @vitest-environment happy-dom
import { expect, it, vi } from "vitest";

import { readBasics } from "../../src/ui/basics";
import { readConfig } from "../../src/ui/config";

function read(attributes: Record<string, string>) {
  const element = document.createElement("div");
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return readConfig(element, readBasics(element, "https://bot.example/webchat/manent-chat.js"));
}

it("reads suggestions from texts and from JSON", () => {
  expect(read({ suggestions: "Hours | Order a cake|" }).suggestions).toEqual([
    { title: "Hours", payload: "Hours" },
    { title: "Order a cake", payload: "Order a cake" },
  ]);
  expect(read({ suggestions: '["Hours", {"title": "Order", "payload": "/order"}, 7]' }).suggestions).toEqual([
    { title: "Hours", payload: "Hours" },
    { title: "Order", payload: "/order" },
  ]);
  expect(read({ suggestions: "[broken" }).suggestions).toEqual([]);
  expect(read({}).suggestions).toEqual([]);
});

it("reads a site's words, which are texts", () => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  expect(read({ words: '{"send": "Go", "menu": 3, "sned": "Go"}' }).words).toEqual({ send: "Go" });
  expect(warned.mock.calls.map(([text]) => text as string)).toEqual([
    expect.stringContaining('"menu"'),
    expect.stringContaining('"sned"'),
  ]);
  expect(read({ words: '{"unread": "New: {}"}' }).words).toEqual({ unread: { other: "New: {}" } });
  const forms = { one: "One", other: "{}" };
  expect(read({ words: JSON.stringify({ unread: forms }) }).words).toEqual({ unread: forms });
  expect(read({ words: '{"unread": {"one": "One"}}' }).words).toEqual({});
  expect(read({ words: "no JSON" }).words).toEqual({});
});

it("keeps the conversations of two chats with the same server apart by storage-key", () => {
  const [first, sales] = [read({}), read({ "storage-key": "sales" })];
  expect(first.scope).toBe("manent:https://bot.example/socket.io/");
  expect(sales.scope).toBe("manent:https://bot.example/socket.io/#sales");
});

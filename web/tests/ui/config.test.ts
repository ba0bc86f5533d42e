// @vitest-environment happy-dom
import { expect, it } from "vitest";

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
  expect(read({ words: '{"send": "Go", "menu": 3}' }).words).toEqual({ send: "Go" });
  expect(read({ words: "no JSON" }).words).toEqual({});
});

// @vitest-environment happy-dom
import { beforeEach, expect, it } from "vitest";

import { readBasics } from "../../src/ui/basics";
import { Chat, type ChatHost } from "../../src/ui/chat";
import { settle } from "../client/world";

let chat: Chat;
let panel: HTMLElement;

beforeEach(() => {
  localStorage.clear();
  const element = document.createElement("div");
  element.setAttribute("server-url", "https://bot.example");
  element.setAttribute("conversations", "");
  const root = element.attachShadow({ mode: "open" });
  panel = document.createElement("section");
  root.append(panel);
  document.body.replaceChildren(element);
  const host: ChatHost = {
    element,
    root,
    panel,
    basics: () => readBasics(element, "https://bot.example/webchat/manent-chat.js"),
    renderers: new Map(),
    adopt: () => undefined,
    token: async () => null,
    metadata: () => ({}),
    fire: () => undefined,
    open: () => undefined,
    close: () => undefined,
    isOpen: () => true,
    isTouched: () => false,
    showUnread: () => undefined,
  };
  chat = new Chat(host);
});

it("does not connect if the element is removed while the language is loaded", async () => {
  let started = 0;
  chat.client.start = () => void (started += 1);
  const starting = chat.start();
  chat.stop();
  await starting;

  expect(started).toBe(0);
});

it("leaves nothing in the browser that names the conversation after a sign-out", () => {
  const { scope } = chat.config;
  localStorage.setItem(`${scope}:session`, '{"session_id":"secret"}');
  localStorage.setItem(`${scope}:read`, "3 secret e");
  localStorage.setItem(`${scope}:thumbs`, "3:up secret e");
  localStorage.setItem(`${scope}:rate`, "secret");
  localStorage.setItem(`${scope}:notified`, "secret e 3.0");
  chat.client.forget();

  expect(Object.values({ ...localStorage }).join()).not.toContain("secret");
  chat.stop();
});

it("closes the list of earlier conversations at a sign-out", async () => {
  chat.client.start = () => undefined;
  await chat.start();
  const listed = { session_id: "s", started: 1, last: 2, preview: "my diagnosis" };
  chat.client.list = async () => [listed];
  chat.menu()[0]!.act();
  await settle();
  expect(panel.textContent).toContain("my diagnosis");
  chat.client.forget();
  await settle();

  expect(panel.textContent).not.toContain("my diagnosis");
  chat.stop();
});

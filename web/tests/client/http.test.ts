import { beforeEach, expect, it } from "vitest";

import { httpTransport } from "../../src/client/http";
import type { Transport } from "../../src/client/ports";
import { settle } from "./world";

interface Sent {
  path: string;
  body: Record<string, unknown>;
  headers: Record<string, string>;
  answer: (value: unknown) => void;
  fail: (error: unknown) => void;
  aborted: () => boolean;
}

let sent: Sent[];
let heard: unknown[][];
let transport: Transport;

beforeEach(() => {
  sent = [];
  heard = [];
  const fetcher = ((url: string, request: RequestInit) =>
    new Promise((resolve, reject) => {
      request.signal!.addEventListener("abort", () => reject(new Error("aborted")));
      sent.push({
        path: url.replace("https://bot.example/chat", ""),
        body: JSON.parse(String(request.body)) as Record<string, unknown>,
        headers: request.headers as Record<string, string>,
        answer: (value) => resolve({ json: async () => value } as Response),
        fail: reject,
        aborted: () => request.signal!.aborted,
      });
    })) as typeof fetch;
  transport = httpTransport("https://bot.example/chat", fetcher);
  transport.listen({
    connected: () => heard.push(["connected"]),
    disconnected: (reason) => heard.push(["disconnected", reason]),
    received: (event, payload) => heard.push(["received", event, payload]),
  });
});

const SESSION = { ok: true, session_id: "s", session_token: "t", epoch: "e", seq: 4, messages: [] };

async function join(): Promise<void> {
  transport.open({ token: "jwt" });
  const joining = transport.request("session_request", { protocol: 1 }, 5_000);
  sent[0]!.answer(SESSION);
  expect(await joining).toEqual(SESSION);
  await settle();
}

it("joins, waits for news after the answer, and passes them on", async () => {
  await join();
  expect(heard).toEqual([["connected"]]);
  expect(sent[0]!.headers).toEqual({ Authorization: "Bearer jwt" });
  expect(sent[1]).toMatchObject({
    path: "/sessions/events",
    body: { session_id: "s", session_token: "t", cursor: { epoch: "e", seq: 4 }, wait_s: 25 },
  });

  const message = { role: "bot", seq: 6, id: "6.0", text: "hi" };
  sent[1]!.answer({ ...SESSION, seq: 7, messages: [message], typing: true, errors: [{ code: "x" }] });
  await settle();
  expect(heard.slice(1)).toEqual([
    ["received", "bot_uttered", message],
    ["received", "error", { code: "x" }],
    ["received", "bot_typing", { on: true }],
  ]);
  expect(sent[2]!.body["cursor"]).toEqual({ epoch: "e", seq: 7 });
});

it("passes on messages of operators, and who handles the conversation", async () => {
  transport.open({});
  void transport.request("session_request", { protocol: 1, accepts: ["agent"] }, 5_000);
  sent[0]!.answer({ ...SESSION, handler: "queue" });
  await settle();
  expect(sent[1]!.body["accepts"]).toEqual(["agent"]);

  const message = { role: "agent", seq: 6, id: "6.0", text: "hi", operator: { id: "1", name: "Ada" } };
  const answer = { ...SESSION, seq: 7, messages: [message], handler: "human", operator: message.operator };
  sent[1]!.answer(answer);
  await settle();
  sent[2]!.answer(answer);
  await settle();
  expect(heard.map(([, event]) => event)).toEqual([
    undefined,
    "agent_uttered",
    "bot_typing",
    "handler_changed",
    "agent_uttered",
    "bot_typing",
  ]);
});

it("sends the session's token with every request", async () => {
  await join();
  void transport.request("user_uttered", { session_id: "s", message: "hello", message_id: "1" }, 5_000);
  expect(sent[2]).toMatchObject({
    path: "/sessions/user_uttered",
    body: { session_token: "t", message: "hello" },
  });
});

it.each([
  ["the log was replaced", { ...SESSION, epoch: "other" }],
  ["too much was missed", { ...SESSION, gap: true }],
  ["the conversation is gone", { ok: false, error: { code: "forbidden", message: "" } }],
])("reports a lost connection when %s", async (_, answer) => {
  await join();
  sent[1]!.answer(answer);
  await settle();
  expect(heard.at(-1)![0]).toBe("disconnected");
});

it("reports a lost connection when the server is gone, once", async () => {
  await join();
  sent[1]!.fail(new TypeError("network"));
  await settle();
  expect(heard.filter(([kind]) => kind === "disconnected")).toHaveLength(1);
});

it("rejects the answer of a server that does not know the requests", async () => {
  transport.open({});
  const joining = transport.request("session_request", {}, 5_000);
  sent[0]!.answer({ status: "failure" });
  await expect(joining).rejects.toThrow("does not speak protocol 1");
});

it("ends everything when it is closed, and reports nothing", async () => {
  await join();
  transport.close();
  await settle();
  expect(sent[1]!.aborted()).toBe(true);
  expect(heard).toEqual([["connected"]]);
});

// @vitest-environment happy-dom
import { html } from "lit-html";
import { beforeEach, describe, expect, it } from "vitest";

import { Desk, type DeskPorts } from "../../src/desk/desk";
import { deskView } from "../../src/desk/views/frame";
import type { JsonObject } from "../../src/desk/wire";
import { localize } from "../../src/desk/words";
import { FakeClock, settle, SharedStorage } from "../client/world";
import { head, row } from "./samples";

let clock: FakeClock;
let storage: SharedStorage;
/** The operator who is signed in, or null. */
let operator: string | null;
let requests: { path: string; body: JsonObject }[];
/** Answers by the path below `api/v1/`, without the query. */
let answers: Record<string, (body: JsonObject) => unknown>;
let stream: ReadableStreamDefaultController<Uint8Array>;

/** Answer as the server does. An answer that is a number is a status. */
async function fetcher(url: URL | RequestInfo, options: RequestInit = {}): Promise<Response> {
  const path = decodeURIComponent(new URL(String(url)).pathname.replace("/desk/api/v1/", ""));
  const body = JSON.parse(String(options.body ?? "{}")) as JsonObject;
  if (options.body !== undefined) requests.push({ path, body });
  if (operator === null) return Response.json({ error: { code: "not_authenticated" } }, { status: 401 });
  if (path === "me") {
    const me = { operator: { id: operator, name: operator }, role: "operator", csrf: "c" };
    return Response.json(me);
  }
  if (path === "events") {
    const live = new ReadableStream<Uint8Array>({ start: (controller) => void (stream = controller) });
    return new Response(live, { status: 200 });
  }
  const answer = await answers[path]?.(body);
  if (answer instanceof Response) return answer;
  return typeof answer === "number"
    ? Response.json({}, { status: answer })
    : Response.json(answer ?? {}, { status: 200 });
}

/** Send an event of the feed. */
async function feeds(type: string, data: object): Promise<void> {
  stream.enqueue(new TextEncoder().encode(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`));
  await pause();
}

/** Wait for streams and responses, which need more than microtasks. */
async function pause(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setTimeout(resolve));
  await settle();
}

let root: HTMLElement;

async function open(view: DeskPorts["view"] = () => html``): Promise<Desk> {
  let ids = 0;
  const desk = new Desk(root, "https://bot.example/desk/api/v1/", await localize(["en"]), {
    clock,
    store: storage.tab(),
    fetch: fetcher,
    id: () => `${operator} ${(ids += 1)}`,
    view,
  });
  desk.start();
  await pause();
  return desk;
}

const said = (): JsonObject[] => requests.filter(({ path }) => path.endsWith("/say")).map(({ body }) => body);

beforeEach(() => {
  // The simulated browser has no locks, which decide which tab plays a sound.
  Object.defineProperty(navigator, "locks", { value: { request: async () => null }, configurable: true });
  clock = new FakeClock();
  storage = new SharedStorage();
  operator = "ada";
  requests = [];
  root = document.createElement("main");
  answers = {
    "conversations/v": () => ({ head: head(3), messages: [], has_more: false }),
    conversations: () => ({ conversations: [row("v", { handler: "queue" })], next: null }),
  };
});

describe("another operator who signs in on the same page", () => {
  it("neither sends nor sees what the operator before has not sent", async () => {
    answers["conversations/v/say"] = () => 503;
    const desk = await open();
    desk.select("v");
    await pause();
    desk.write("from ada");
    desk.say();
    desk.write("draft of ada");
    await pause();
    desk.stop();

    operator = "bob";
    requests = [];
    answers["conversations/v/say"] = () => ({ ok: true, head: head(4) });
    const bobs = await open();
    await clock.elapse(20_000);
    expect(said()).toEqual([]);
    expect(bobs.outbox.of("v")).toEqual([]);
    expect(bobs.draft("v")).toBe("");

    operator = null;
    bobs.api.csrf = "";
    await bobs.enter();
    operator = "ada";
    await bobs.enter();
    await pause();
    expect(said().map(({ text }) => text)).toEqual(["from ada"]);
    expect(bobs.draft("v")).toBe("draft of ada");
    bobs.stop();
  });
});

describe("answers that an event has overtaken", () => {
  it("do not bring back a row that the feed has changed since the request", async () => {
    const desk = await open();
    let release: () => void = () => undefined;
    answers["conversations"] = () =>
      new Promise((resolve) => {
        release = () => resolve({ conversations: [row("v", { handler: "queue" })], next: null });
      });
    const loading = desk.loadList();
    await pause();
    await feeds("conversation", { head: head(5), row: row("v") });
    release();
    await loading;

    expect(desk.state.rows["v"]!.handler).toBe("bot");
    desk.stop();
  });

  it("do not bring back a conversation that was erased since the request", async () => {
    const desk = await open();
    let release: () => void = () => undefined;
    answers["conversations"] = () =>
      new Promise((resolve) => {
        release = () => resolve({ conversations: [row("v"), row("w")], next: null });
      });
    const loading = desk.loadList();
    await pause();
    await feeds("conversation", { sender_id: "v", gone: true });
    release();
    await loading;

    expect(Object.keys(desk.state.rows)).toEqual(["w"]);
    desk.stop();
  });
});

describe("a message that is sent again because the visitor has asked for a person", () => {
  it("stays before the messages that were written after it", async () => {
    const queued = head(5, { handler: "queue" });
    let refuse: () => void = () => undefined;
    answers["conversations/v/say"] = (body) =>
      body["expected"] === 3
        ? new Promise((resolve) => {
            refuse = () =>
              resolve(Response.json({ error: { code: "handler_conflict" }, head: queued }, { status: 409 }));
          })
        : { ok: true, head: head(6) };
    const desk = await open();
    desk.select("v");
    await pause();
    desk.write("first");
    desk.say();
    await feeds("conversation", { head: queued, row: row("v", { handler: "queue" }) });
    desk.write("second");
    desk.say();
    refuse();
    await pause();

    expect(said().map(({ text, expected }) => [text, expected])).toEqual([
      ["first", 3],
      ["first", 5],
      ["second", 5],
    ]);
    desk.stop();
  });
});

describe("a note whose answer was lost", () => {
  it("is sent again with the same id, so that the server adds it once", async () => {
    let lost = 1;
    answers["conversations/v/note"] = () => ((lost -= 1) >= 0 ? 503 : { ok: true, head: head(4) });
    const desk = await open();
    desk.select("v");
    await pause();
    desk.note("called back");
    await pause();
    await clock.elapse(5_000);
    await pause();

    const notes = requests.filter(({ path }) => path.endsWith("/note")).map(({ body }) => body["message_id"]);
    expect(notes).toEqual(["ada 1", "ada 1"]);
    desk.stop();
  });
});

describe("a note that is half written", () => {
  it("is not added to the conversation that the operator opens next", async () => {
    answers["conversations/w"] = () => ({
      head: head(3, { sender_id: "w" }),
      messages: [],
      has_more: false,
    });
    const desk = await open(deskView);
    const field = (): HTMLTextAreaElement => root.querySelector<HTMLTextAreaElement>('[name="note"]')!;
    for (const sender_id of ["w", "v"]) {
      desk.select(sender_id);
      await pause();
    }
    field().value = "about the visitor v";
    desk.select("w");

    expect(field().value).toBe("");
    desk.stop();
  });
});

describe("a question about a conversation", () => {
  it("is closed when the operator opens another one from a notification", async () => {
    const desk = await open();
    desk.select("v");
    await pause();
    desk.ask("close");
    desk.select("w");

    expect(desk.dialog).toBe(null);
    desk.stop();
  });
});

describe("a key that is held down in the review", () => {
  it("decides about one message only", async () => {
    const texts = ["one", "two", "three"];
    answers["review/messages"] = () => ({
      messages: texts.map((text) => ({ text, intent: "greet", confidence: 0.5, count: 1, entities: [] })),
      intents: ["greet"],
    });
    const desk = await open();
    desk.go("review");
    await pause();
    const press = (repeat: boolean): void => {
      const event = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, repeat });
      document.body.dispatchEvent(event);
    };
    press(false);
    press(true);
    press(true);
    await pause();

    const decided = requests.filter(({ path }) => path === "review/annotations");
    expect(decided.map(({ body }) => body["text"])).toEqual(["one"]);
    desk.stop();
  });
});

describe("a message of an operator whose session has ended", () => {
  it("waits for the next sign-in, and is not sent again and again until then", async () => {
    const desk = await open();
    desk.select("v");
    await pause();
    operator = null;
    desk.write("are you there?");
    desk.say();
    for (let i = 0; i < 10; i += 1) await pause();
    expect(said()).toHaveLength(1);

    operator = "ada";
    answers["conversations/v/say"] = () => ({ ok: true, head: head(4) });
    await clock.elapse(30_000);
    await pause();
    expect(said()).toHaveLength(2);
    expect(desk.outbox.of("v").map(({ state }) => state)).toEqual(["sent"]);
    desk.stop();
  });
});

describe("a conversation that is erased while an operator reads it", () => {
  it("is shown anew, and is read again from its beginning", async () => {
    const text = (seq: number): object => ({ role: "user", seq, id: `${seq}.0`, message: `m${seq}` });
    answers["conversations/v"] = () => ({ head: head(9), messages: [text(9)], has_more: false });
    const desk = await open();
    desk.select("v");
    await pause();
    const anew = head(2, { epoch: "f" });
    answers["conversations/v"] = () => ({ head: anew, messages: [text(1), text(2)], has_more: false });
    await feeds("message", { sender_id: "v", epoch: "f", messages: [text(2)] });
    await new Promise((resolve) => setTimeout(resolve, 900));
    await pause();

    expect(desk.state.opened["v"]!.messages.map(({ seq }) => seq)).toEqual([1, 2]);
    const read = requests.filter(({ path }) => path.endsWith("/read")).map(({ body }) => body["seq"]);
    expect(read).toEqual([9, 2]);
    desk.stop();
  });
});

describe("a key on another tab", () => {
  it("does not take the conversation that is open in the inbox", async () => {
    const desk = await open();
    desk.select("v");
    await pause();
    const press = (): void =>
      void document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "t", bubbles: true }));
    desk.go("numbers");
    press();
    await pause();
    const taken = (): number => requests.filter(({ path }) => path.endsWith("/take")).length;
    expect(taken()).toBe(0);

    desk.go("inbox");
    press();
    await pause();
    expect(taken()).toBe(1);
    desk.stop();
  });
});

describe("labels", () => {
  it("keep those of a conversation that is not in the list, and are as before if the server refuses a change", async () => {
    answers["conversations"] = () => ({ conversations: [], next: null });
    answers["conversations/v"] = () => ({ head: head(3), messages: [], has_more: false, labels: ["vip"] });
    let refuse: () => void = () => undefined;
    answers["conversations/v/labels"] = () => new Promise((resolve) => (refuse = () => resolve(400)));
    const desk = await open();
    desk.select("v");
    await pause();
    desk.label(["angry"], []);
    await pause();
    expect(desk.state.opened["v"]!.labels).toEqual(["vip", "angry"]);
    refuse();
    await pause();

    expect(desk.state.opened["v"]!.labels).toEqual(["vip"]);
    desk.stop();
  });
});

describe("an operator who is signed out", () => {
  it("is asked for by one timer, however often the page is looked at", async () => {
    operator = null;
    let asked = 0;
    const desk = await open();
    for (let i = 0; i < 10; i += 1) await desk.enter();
    await pause();
    Object.defineProperty(desk.api, "get", {
      value: async () => ((asked += 1), Promise.reject(new Error("down"))),
    });
    await clock.elapse(15_000);

    expect(asked).toBeLessThan(7);
    desk.stop();
  });
});

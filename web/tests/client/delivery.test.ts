import { beforeEach, describe, expect, it } from "vitest";

import type { JsonObject } from "../../src/client/wire";
import { settle, silence, World } from "./world";

let world: World;
beforeEach(() => {
  world = new World();
});

describe("the outbox", () => {
  it("gives every message an id and the epoch it was written for", async () => {
    const tab = await world.tab();
    tab.client.send("/book", { title: "Book", metadata: { page: "/rooms" } });
    await settle();

    const id = tab.client.sessionId!;
    expect(world.server.last("user_uttered")).toEqual({
      session_id: id,
      epoch: world.server.log(id).epoch,
      message: "/book",
      title: "Book",
      message_id: "m1",
      metadata: { page: "/rooms" },
    });
    expect(tab.state.outbox).toEqual([]);
  });

  it("shows a message as sending until it is acknowledged, and as sent until its echo", async () => {
    world.server.handlers["user_uttered"] = () => ({ ok: true, seq: 7, duplicate: false });
    const tab = await world.tab();
    tab.client.send("hello");
    expect(tab.state.outbox.map((entry) => entry.state)).toEqual(["sending"]);

    await settle();
    expect(tab.state.outbox.map((entry) => entry.state)).toEqual(["sent"]);
    expect([...world.storage.values.keys()].filter((key) => key.includes("outbox"))).toEqual([]);

    tab.socket.hear("user_uttered", {
      message: "hello",
      message_id: "m1",
      seq: 7,
      id: "7.0",
      parts: 1,
      prev: 0,
      timestamp: 1,
    });
    expect(tab.state.outbox).toEqual([]);
    expect(tab.texts).toEqual(["hello"]);
  });

  it("sends the same id again when no answer comes", async () => {
    let lost = 2;
    world.server.handlers["user_uttered"] = (payload, socket) =>
      (lost -= 1) >= 0 ? silence : world.server.standard("user_uttered", payload, socket);
    const tab = await world.tab();
    tab.client.send("hello");

    await world.clock.elapse(60_000);

    const ids = world.server.requests
      .filter((request) => request.event === "user_uttered")
      .map((request) => request.payload["message_id"]);
    expect(ids).toEqual(["m1", "m1", "m1"]);
    expect(tab.texts).toEqual(["hello"]);
  });

  it("keeps the order of writing, one in flight", async () => {
    const answers: ((value: unknown) => void)[] = [];
    world.server.handlers["user_uttered"] = () => new Promise((resolve) => answers.push(resolve));
    const tab = await world.tab();
    tab.client.send("one");
    tab.client.send("two");
    await settle();
    expect(world.server.count("user_uttered")).toBe(1);

    answers[0]!({ ok: true, seq: 1, duplicate: false });
    await settle();

    expect(world.server.last("user_uttered")["message"]).toBe("two");
  });

  it("keeps what is written offline over a reload, and sends it once", async () => {
    const tab = await world.tab();
    const id = tab.client.sessionId!;
    await tab.goes("offline");
    tab.client.send("are you there?");
    tab.client.stop();

    const again = await world.tab();

    expect(again.texts).toEqual(["are you there?"]);
    expect(world.server.log(id).messages.length).toBe(1);
    expect(again.state.outbox).toEqual([]);
  });

  it("sends what was written before the first session was known", async () => {
    world.server.up = false;
    const tab = await world.tab();
    tab.client.send("first words");
    world.server.up = true;

    await world.clock.elapse(5_000);

    expect(tab.texts).toEqual(["first words"]);
  });

  it("recognises in the answer what was accepted before the server died", async () => {
    const tab = await world.tab();
    const id = tab.client.sessionId!;
    world.server.handlers["user_uttered"] = (payload) => {
      world.server.userSays(id, payload["message"] as string, payload["message_id"] as string);
      world.server.kill();
      return silence;
    };
    tab.client.send("hello");
    await settle();
    expect(tab.state.connection).toBe("offline");
    delete world.server.handlers["user_uttered"];
    world.server.up = true;

    await world.clock.elapse(1_000);

    expect(tab.texts).toEqual(["hello"]);
    expect(tab.state.outbox).toEqual([]);
    expect(world.server.log(id).messages.length).toBe(1);
  });

  it("waits when the server is busy, and fails when it refuses for good", async () => {
    const errors = [
      { code: "busy", message: "busy", retry_after: 3 },
      { code: "too_long", message: "too long" },
    ];
    world.server.handlers["user_uttered"] = () => ({ ok: false, error: errors.shift()! });
    const tab = await world.tab();
    tab.client.send("hello");
    await settle();
    expect(tab.state.outbox[0]!.state).toBe("sending");

    await world.clock.elapse(3_000);
    expect(tab.state.outbox[0]).toMatchObject({ state: "failed", error: { code: "too_long" } });

    delete world.server.handlers["user_uttered"];
    tab.client.retry("m1");
    await settle();
    expect(tab.texts).toEqual(["hello"]);
  });

  it("connects with another token when the server refuses a message because of the token", async () => {
    let token = "old";
    world.server.handlers["user_uttered"] = (payload, socket) =>
      socket.auth["token"] === "old"
        ? { ok: false, error: { code: "jwt_expired", message: "the token has expired" } }
        : world.server.standard("user_uttered", payload, socket);
    const tab = await world.tab({ token: () => token });
    token = "new";
    tab.client.send("hello");
    await world.clock.elapse(1_000);

    expect(tab.texts).toEqual(["hello"]);
    expect(tab.state.outbox).toEqual([]);
  });

  it("sends a message of another tab once to a plain server, which does not recognise a second one", async () => {
    world.server.handlers["session_request"] = (payload, socket) => {
      queueMicrotask(() => socket.hear("session_confirm", payload["session_id"] ?? "plain-1"));
      return undefined;
    };
    const tab = await world.tab();
    const other = await world.tab();
    await tab.goes("offline");
    tab.client.send("one");
    other.client.send("two");
    await tab.goes("online");
    await world.clock.elapse(1_000);

    const sent = [...tab.socket.emitted, ...other.socket.emitted].map(({ payload }) => payload["message"]);
    expect(sent).toEqual(["one", "two"]);
  });

  it("keeps what is not sent when the page clears the storage", async () => {
    const tab = await world.tab();
    await tab.goes("offline");
    tab.client.send("are you there?");
    world.storage.values.clear();
    await tab.goes("online");
    await world.clock.elapse(1_000);

    expect(tab.texts).toEqual(["are you there?"]);
    expect(world.server.log(tab.client.sessionId!).messages.length).toBe(1);
    expect([...world.storage.values.keys()].filter((key) => key.includes("outbox"))).toEqual([]);
  });

  it("reads a retry_after beside the error too", async () => {
    let first = true;
    world.server.handlers["user_uttered"] = (payload, socket) => {
      if (!first) return world.server.standard("user_uttered", payload, socket);
      first = false;
      return { ok: false, error: { code: "busy", message: "busy" }, retry_after: 1 };
    };
    const tab = await world.tab();
    tab.client.send("hello");

    await world.clock.elapse(1_500);

    expect(tab.texts).toEqual(["hello"]);
  });

  it("drops an unsent message visibly when the conversation was erased meanwhile", async () => {
    const tab = await world.tab();
    const id = tab.client.sessionId!;
    await tab.goes("offline");
    tab.client.send("a secret");
    world.server.logs.delete(id); // erased from elsewhere: another epoch
    await tab.goes("online");
    await settle();

    expect(tab.notices()).toContain("conversation_changed");
    expect(world.server.count("user_uttered")).toBe(0);
    expect(tab.state.outbox).toEqual([]);
  });

  it("tells the tab that wrote it, when another tab had the conversation erased", async () => {
    const tab = await world.tab();
    const other = await world.tab();
    await other.goes("offline");
    other.client.send("a secret");
    await tab.client.erase();
    await settle();
    await other.goes("online");

    expect(other.notices()).toEqual(["conversation_changed"]);
    expect(world.server.count("user_uttered")).toBe(0);
    expect(other.client.sessionId).toBe(tab.client.sessionId);
  });

  it("drops a message that the server answers with conversation_changed, and reads the new log", async () => {
    const tab = await world.tab();
    const id = tab.client.sessionId!;
    world.server.logs.delete(id); // erased while we are connected
    world.server.botSays(id, "a new beginning");
    tab.client.send("a secret");
    await settle();

    expect(tab.notices()).toContain("conversation_changed");
    expect(tab.texts).toEqual(["a new beginning"]);
    expect(tab.state.outbox).toEqual([]);
  });

  it("sends nothing that a server could not read: no half characters, no metadata that is no JSON", async () => {
    const tab = await world.tab();
    tab.client.send("half \ud83d! whole \ud83d\ude42 \\ud83d", {
      title: "\udc00",
      metadata: {
        note: "cut \ud83d",
        "key \ud83d": [NaN, Infinity, "\udfff"],
        act: () => 1,
      } as unknown as JsonObject,
    });
    await settle();

    expect(world.server.last("user_uttered")).toMatchObject({
      message: "half \ufffd! whole \ud83d\ude42 \\ud83d",
      title: "\ufffd",
      metadata: { note: "cut \ufffd", "key \ufffd": [null, null, "\ufffd"] },
    });
    expect(world.server.last("user_uttered")["metadata"]).not.toHaveProperty("act");
    expect(tab.state.outbox).toEqual([]);
  });

  it("mends what an earlier visit left in the outbox", async () => {
    const entry = { message_id: "old", session_id: null, epoch: null, written: 1, state: "sending" };
    world.storage.values.set("test:outbox:old", JSON.stringify({ ...entry, message: "half \ud83d" }));
    const tab = await world.tab();

    expect(world.server.last("user_uttered")["message"]).toBe("half \ufffd");
    expect(tab.texts).toEqual(["half \ufffd"]);
  });

  it("does not try a message that is larger than a connection takes, and sends those behind it", async () => {
    const tab = await world.tab();
    tab.client.send("x".repeat(700_000));
    tab.client.send("short");
    await settle();

    expect(tab.state.outbox.map((entry) => entry.error?.code)).toEqual(["too_long"]);
    expect(tab.texts).toEqual(["short"]);
  });

  it("asks again when an acknowledged message is not seen in the log", async () => {
    const tab = await world.tab();
    const id = tab.client.sessionId!;
    world.server.handlers["user_uttered"] = (payload) => {
      const said = world.server.userSays(id, payload["message"] as string, payload["message_id"] as string);
      return { ok: true, seq: said.seq, duplicate: false }; // its echo is lost
    };
    tab.client.send("hello");
    await world.clock.elapse(6_000);

    expect(tab.texts).toEqual(["hello"]);
    expect(tab.state.outbox).toEqual([]);
  });
});

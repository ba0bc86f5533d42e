import { beforeEach, describe, expect, it } from "vitest";

import type { JsonObject } from "../../src/client/wire";
import { settle, silence, Tab, World } from "./world";

let world: World;
beforeEach(() => {
  world = new World();
});

describe("joining", () => {
  it("asks for protocol 1 without a session on the first visit", async () => {
    const tab = await world.tab();

    expect(world.server.last("session_request")).toEqual({ protocol: 1, limit: 50 });
    expect(tab.state.connection).toBe("online");
    expect(tab.state.session_id).toBe(tab.client.sessionId);
  });

  it("names the stored session and its token after a reload, and shows what was said", async () => {
    const first = await world.tab();
    const id = first.client.sessionId!;
    first.client.send("hello");
    await settle();
    world.server.deliver(id, world.server.botSays(id, "hi"));
    first.client.stop();

    const second = await world.tab();

    expect(world.server.last("session_request")).toMatchObject({
      session_id: id,
      session_token: `token of ${id}`,
    });
    expect(second.texts).toEqual(["hello", "hi"]);
  });

  it("begins a new conversation, and says so, when the stored one is refused", async () => {
    world.storage.values.set("test:session", JSON.stringify({ session_id: "stolen" }));
    world.server.handlers["session_request"] = (payload, socket) =>
      payload["session_id"] === "stolen"
        ? { ok: false, error: { code: "forbidden", message: "not yours" } }
        : world.server.standard("session_request", payload, socket);

    const tab = await world.tab();

    expect(tab.notices()).toEqual(["session_lost"]);
    expect(tab.state.connection).toBe("online");
    expect(tab.client.sessionId).not.toBe("stolen");
  });

  it("does not repeat a refusal that the server also tells as an event, as it does before one has joined", async () => {
    world.storage.values.set("test:session", JSON.stringify({ session_id: "stolen" }));
    world.server.handlers["session_request"] = (payload, socket) => {
      if (payload["session_id"] !== "stolen")
        return world.server.standard("session_request", payload, socket);
      const error = { code: "forbidden", message: "this conversation is not yours: send the session_token" };
      queueMicrotask(() => socket.hear("error", error));
      return { ok: false, error };
    };

    const tab = await world.tab();

    expect(tab.notices()).toEqual(["session_lost"]);
    tab.socket.hear("error", { code: "disk_full", message: "Nothing can be stored." });
    expect(tab.notices()).toEqual(["session_lost", "disk_full"]);
  });

  it("waits as long as a busy server asks, then joins", async () => {
    let busy = true;
    world.server.handlers["session_request"] = (payload, socket) =>
      busy
        ? { ok: false, error: { code: "busy", message: "busy", retry_after: 5 } }
        : world.server.standard("session_request", payload, socket);
    const tab = await world.tab();
    busy = false;

    await world.clock.elapse(4_900);
    expect(tab.state.connection).toBe("refused");
    await world.clock.elapse(200);
    expect(tab.state.connection).toBe("online");
  });

  it("says the initial payload once, also when two tabs open at once", async () => {
    const tab = await world.tab({ initial_payload: "/greet" });
    const other = await world.tab({ initial_payload: "/greet" });
    await settle();

    expect(tab.texts).toEqual(["/greet"]);
    expect(other.texts).toEqual(["/greet"]);
  });
});

describe("sending", () => {
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

describe("the log", () => {
  it("asks from its cursor when a live message's prev is unknown", async () => {
    const tab = await world.tab();
    const id = tab.client.sessionId!;
    world.server.deliver(id, world.server.botSays(id, "one"));
    world.server.botSays(id, "two"); // lost
    const three = world.server.botSays(id, "three");
    world.server.deliver(id, three);
    await settle();

    expect(world.server.last("session_request")).toMatchObject({ session_id: id, cursor: { seq: 2 } });
    expect(tab.texts).toEqual(["one", "two", "three"]);
  });

  it("moves its cursor only when all parts have come", async () => {
    const tab = await world.tab();
    const id = tab.client.sessionId!;
    const parts = world.server.botSays(id, "a", "b", "c");
    world.server.deliver(id, parts.slice(0, 2));
    world.server.kill();
    world.server.up = true;
    await world.clock.elapse(1_000);

    expect(world.server.last("session_request")["cursor"]).toMatchObject({ seq: 0 });
    expect(tab.texts).toEqual(["a", "b", "c"]);
  });

  it("takes parts in any order, and each once", async () => {
    const tab = await world.tab();
    const id = tab.client.sessionId!;
    const parts = world.server.botSays(id, "a", "b", "c");
    world.server.deliver(id, [parts[2]!, parts[0]!, parts[0]!, parts[1]!]);
    world.server.deliver(id, world.server.botSays(id, "d"));

    expect(tab.texts).toEqual(["a", "b", "c", "d"]);
    expect(world.server.count("session_request")).toBe(1);
  });

  it("pages back over a long absence until it meets what it has", async () => {
    const tab = await world.tab({ limit: 10 });
    const id = tab.client.sessionId!;
    world.server.deliver(id, world.server.botSays(id, "first"));
    await tab.goes("offline");
    for (let i = 0; i < 250; i += 1) world.server.botSays(id, `missed ${i}`);
    await tab.goes("online");
    await settle();

    expect(tab.texts.length).toBe(251);
    expect(tab.texts[0]).toBe("first");
    expect(tab.state.has_more).toBe(false);
  });

  it("keeps what comes live while it pages back in vain", async () => {
    const tab = await world.tab({ limit: 10 });
    const id = tab.client.sessionId!;
    world.server.deliver(id, world.server.botSays(id, "first"));
    await tab.goes("offline");
    for (let i = 0; i < 30; i += 1) world.server.botSays(id, `missed ${i}`);
    world.server.handlers["history_request"] = () => {
      world.server.deliver(id, world.server.botSays(id, "just now"));
      return { ok: false, error: { code: "store_unavailable", message: "no" } };
    };
    await tab.goes("online");
    await settle();

    expect(tab.texts.at(-1)).toBe("just now");
    expect(tab.texts.length).toBe(11);
    expect(tab.state.has_more).toBe(true);
  });

  it("throws its list away after another epoch", async () => {
    const tab = await world.tab();
    const id = tab.client.sessionId!;
    world.server.deliver(id, world.server.botSays(id, "old"));
    await tab.goes("offline");
    world.server.logs.delete(id);
    world.server.botSays(id, "new");
    await tab.goes("online");
    await settle();

    expect(tab.texts).toEqual(["new"]);
  });

  it("pages upwards", async () => {
    const storage = world.storage.values;
    storage.set("test:session", JSON.stringify({ session_id: "long" }));
    for (let i = 0; i < 25; i += 1) world.server.botSays("long", `m${i}`);
    const tab = await world.tab({ limit: 10 });
    expect(tab.state.has_more).toBe(true);

    await tab.client.loadOlder(tab.state.messages[0]!.seq);

    expect(tab.texts.length).toBe(20);
    expect(tab.texts[0]).toBe("m5");
  });

  it("checks a connection that may have died in its sleep", async () => {
    const tab = await world.tab();
    const id = tab.client.sessionId!;
    world.server.handlers["session_request"] = () => silence;
    await tab.goes("wake");
    world.server.botSays(id, "while you slept");
    delete world.server.handlers["session_request"];

    await world.clock.elapse(4_000 + 1_000);

    expect(tab.texts).toEqual(["while you slept"]);
  });

  it("reconnects with growing pauses", async () => {
    const tab = await world.tab();
    world.server.kill();
    const pauses: number[] = [];
    for (let i = 0; i < 4; i += 1) {
      const last = tab.events.findLast(
        (event) => event.type === "connection" && event.retry_in_ms !== undefined,
      );
      const pause = last?.type === "connection" ? last.retry_in_ms! : 0;
      pauses.push(pause);
      await world.clock.elapse(pause);
    }

    expect(pauses).toEqual([300, 600, 1200, 2400]);
  });
});

describe("typing", () => {
  it("is cleared by a bot event, and after ten seconds", async () => {
    const tab = await world.tab();
    const id = tab.client.sessionId!;
    tab.socket.hear("bot_typing", { on: true });
    expect(tab.state.typing).toBe(true);
    world.server.deliver(id, world.server.botSays(id, "hi"));
    expect(tab.state.typing).toBe(false);

    tab.socket.hear("bot_typing", { on: true });
    await world.clock.elapse(10_000);
    expect(tab.state.typing).toBe(false);
  });
});

describe("tabs", () => {
  it("show one another's messages live", async () => {
    const tab = await world.tab();
    const other = await world.tab();
    tab.client.send("hello");
    await settle();

    expect(other.client.sessionId).toBe(tab.client.sessionId);
    expect(other.texts).toEqual(["hello"]);
  });

  it("that open at once end up in one conversation", async () => {
    const tab = new Tab(world);
    const other = new Tab(world);
    await settle();

    expect(other.client.sessionId).toBe(tab.client.sessionId);
    tab.client.send("hello");
    await settle();
    expect(other.texts).toEqual(["hello"]);
  });

  it("follow a reset", async () => {
    const tab = await world.tab();
    const other = await world.tab();
    tab.client.send("hello");
    await settle();
    await tab.client.reset();
    await settle();

    expect(other.client.sessionId).toBe(tab.client.sessionId);
    expect(other.texts).toEqual([]);
    expect(tab.texts).toEqual([]);
  });

  it("follow where the server says the conversation goes on", async () => {
    const tab = await world.tab();
    tab.socket.hear("session_changed", {
      reason: "claimed",
      session_id: "mine",
      session_token: "t",
      epoch: "x",
    });
    await settle();

    expect(world.server.last("session_request")).toMatchObject({ session_id: "mine", session_token: "t" });
    expect(tab.notices()).toEqual(["session_claimed"]);
  });

  it("show one another's unsent messages", async () => {
    const tab = await world.tab();
    const other = await world.tab();
    await tab.goes("offline");
    tab.client.send("waiting");
    await settle();
    expect(other.state.outbox.map((entry) => entry.message)).toEqual(["waiting"]);

    tab.client.discard("m1");
    expect(other.state.outbox).toEqual([]);
  });
});

describe("identity", () => {
  it("gives the token when it connects and refreshes it in band", async () => {
    let token = "one";
    const tab = await world.tab({ token: () => token });
    expect(tab.socket.auth).toEqual({ token: "one" });

    token = "two";
    tab.socket.hear("token_expiring", { expires_at: 1 });
    await settle();

    expect(world.server.last("token_refresh")).toEqual({ token: "two" });
  });

  it("tries a refused token once more, then waits for another", async () => {
    const tab = await world.tab({ token: () => "stale" });
    const refused = () =>
      tab.socket.listener!.disconnected("no", { code: "jwt_revoked", message: "Sign in again." });
    world.server.up = false; // from here on the test refuses by hand
    refused();
    const first = tab.events.findLast((event) => event.type === "connection");
    refused();
    const second = tab.events.findLast((event) => event.type === "connection");

    expect(first).toMatchObject({
      status: "refused",
      retry_in_ms: 300,
      error: { message: "Sign in again." },
    });
    expect(second).toMatchObject({ status: "refused", retry_in_ms: 60_000 });
    world.server.up = true;
    tab.client.reconnect();
    await settle();
    expect(tab.state.connection).toBe("online");
  });

  it("forgets in this browser without touching the log", async () => {
    const tab = await world.tab();
    const id = tab.client.sessionId!;
    tab.client.send("hello");
    await settle();
    tab.client.forget();
    await settle();

    expect(tab.client.sessionId).not.toBe(id);
    expect(tab.texts).toEqual([]);
    expect(world.server.log(id).messages.length).toBe(1);
    expect(world.server.count("session_erase")).toBe(0);
  });

  it("erases: an empty conversation with another epoch", async () => {
    const tab = await world.tab();
    const before = tab.state.epoch;
    tab.client.send("hello");
    await settle();
    await tab.client.erase();
    await settle();

    expect(tab.texts).toEqual([]);
    expect(tab.state.epoch).not.toBe(before);
    expect(tab.notices()).toEqual([]);
  });

  it("tells of an error that belongs to a message", async () => {
    const tab = await world.tab();
    tab.socket.hear("error", {
      code: "store_full",
      message: "The message could not be stored.",
      message_id: "m9",
    });

    expect(tab.state.troubles["m9"]).toMatchObject({ code: "store_full" });
  });

  it("adds nothing to what the bot has said about a failed action", async () => {
    const tab = await world.tab();
    tab.socket.hear("error", { code: "action_unreachable", message: "It failed.", message_id: "m9", seq: 7 });

    expect(tab.state.troubles).toEqual({});
    expect(tab.notices()).toEqual([]);
  });
});

describe("plain servers", () => {
  beforeEach(() => {
    world.server.handlers["session_request"] = (payload, socket) => {
      queueMicrotask(() => socket.hear("session_confirm", payload["session_id"] ?? "plain-1"));
      return undefined; // acknowledged with nothing
    };
  });

  it("are recognised by their confirmation, and spoken to as Rasa's are", async () => {
    const tab = await world.tab({ metadata: () => ({ page: "home" }), plain_metadata_key: "customData" });
    tab.client.send("hello");

    expect(tab.state.plain).toBe(true);
    expect(tab.socket.emitted).toEqual([
      {
        event: "user_uttered",
        payload: { message: "hello", session_id: "plain-1", customData: { page: "home" } },
      },
    ]);
    tab.socket.hear("bot_uttered", { text: "hi", quick_replies: [] });
    expect(tab.texts).toEqual(["hello", "hi"]);
  });

  it("keep their history in this browser", async () => {
    const tab = await world.tab();
    tab.client.send("hello");
    tab.socket.hear("bot_uttered", { text: "hi" });
    tab.client.stop();

    const again = await world.tab();

    expect(again.texts).toEqual(["hello", "hi"]);
    expect(world.server.last("session_request")["session_id"]).toBe("plain-1");
  });

  it("get what was written while they were away", async () => {
    const tab = await world.tab();
    world.server.kill();
    tab.client.send("later");
    expect(tab.socket.emitted).toEqual([]);
    world.server.up = true;
    await world.clock.elapse(1_000);

    expect(tab.socket.emitted.map((item) => item.payload["message"])).toEqual(["later"]);
  });
});

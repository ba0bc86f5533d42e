import { beforeEach, describe, expect, it } from "vitest";

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

describe("a token that never arrives", () => {
  it("is requested again after a minute", async () => {
    let calls = 0;
    const token = (): Promise<string> =>
      (calls += 1) === 1 ? new Promise(() => undefined) : Promise.resolve("fresh");
    const tab = await world.tab({ token });
    expect(tab.state.connection).toBe("connecting");
    await world.clock.elapse(60_000);

    expect([tab.state.connection, tab.socket.auth]).toEqual(["online", { token: "fresh" }]);
    await world.clock.elapse(120_000);
    expect(calls).toBe(2);
  });
});

describe("a token that arrives too late", () => {
  it("is not used after the page has set another one", async () => {
    const tokens: ((token: string | null) => void)[] = [];
    world.server.up = false;
    const tab = await world.tab({ token: () => new Promise((resolve) => tokens.push(resolve)) });
    tab.client.reconnect();
    tokens[1]!(null); // the visitor has signed out
    await Promise.resolve();
    tokens[0]!("of the visitor before");
    await settle();

    expect(tab.socket.auth).toEqual({});
  });
});

describe("answers that arrive too late", () => {
  it("do not show a page of the conversation that was left", async () => {
    const tab = await world.tab();
    world.server.botSays(tab.client.sessionId!, "a secret");
    let release: () => void = () => undefined;
    world.server.handlers["history_request"] = (payload) => {
      const answer = { ok: true, ...world.server.historyPage(payload["session_id"] as string, payload) };
      return new Promise((resolve) => (release = () => resolve(answer)));
    };
    world.server.handlers["session_request"] = () => silence;
    const loading = tab.client.loadOlder(99);
    await settle();
    tab.client.forget();
    release();
    await loading;

    expect(tab.texts).toEqual([]);
  });

  it("do not bring back a message of the visitor who has signed out", async () => {
    const tab = await world.tab();
    let release: () => void = () => undefined;
    world.server.handlers["user_uttered"] = () =>
      new Promise((resolve) => {
        release = () => resolve({ ok: false, error: { code: "no_model", message: "no model is loaded" } });
      });
    tab.client.send("a secret");
    await settle();
    tab.client.forget();
    release();
    await settle();

    expect(tab.state.outbox).toEqual([]);
    expect(tab.notices()).toEqual([]);
    expect([...world.storage.values].join()).not.toContain("a secret");
  });
});

describe("live messages before the answer", () => {
  it("are not lost when one response of long polling contains both", async () => {
    world.server.handlers["session_request"] = (payload, socket) => {
      const answer = world.server.standard("session_request", payload, socket);
      if (payload["cursor"] === undefined) {
        const said = world.server.botSays(socket.session_id!, "hello");
        world.server.deliver(socket.session_id!, said);
      }
      return answer;
    };
    const tab = await world.tab();
    await settle();

    expect(tab.texts).toEqual(["hello"]);
  });
});

describe("a reset that crosses another request for a session", () => {
  /** Serve requests at once, and hold back the answers to resets until `release` is called. */
  function slowResets(): () => void {
    const held: (() => void)[] = [];
    world.server.handlers["session_reset"] = (payload, socket) => {
      const answer = world.server.standard("session_reset", payload, socket);
      return new Promise((resolve) => held.push(() => resolve(answer)));
    };
    return () => held.forEach((each) => each());
  }

  it("hears the new conversation, also when the page woke up in the meantime", async () => {
    const tab = await world.tab();
    const release = slowResets();
    const resetting = tab.client.reset();
    await settle();
    await tab.goes("wake");
    release();
    await resetting;
    await settle();
    const session_id = tab.client.sessionId!;
    world.server.deliver(session_id, world.server.botSays(session_id, "welcome"));
    await settle();

    expect(tab.texts).toEqual(["welcome"]);
  });

  it("hears the conversation that another tab has opened in the meantime", async () => {
    const tab = await world.tab();
    const other = await world.tab();
    const release = slowResets();
    const resetting = tab.client.reset();
    await settle();
    other.client.open("chosen");
    release();
    await resetting;
    await settle();
    const session_id = tab.client.sessionId!;
    world.server.deliver(session_id, world.server.botSays(session_id, "welcome"));
    await settle();

    expect(tab.client.sessionId).toBe(other.client.sessionId);
    expect(tab.texts).toEqual(["welcome"]);
    expect(other.texts).toEqual(["welcome"]);
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

  it("follow a sign-out, also one without a connection", async () => {
    const tab = await world.tab();
    const other = await world.tab();
    tab.client.send("a secret");
    await settle();
    const secret = tab.client.sessionId;
    world.server.kill();
    await settle();
    tab.client.forget();
    await settle();

    expect(other.texts).toEqual([]);
    world.server.up = true;
    await other.goes("offline");
    await other.goes("online"); // the other tab connects first
    await world.clock.elapse(20_000);
    expect(other.client.sessionId).not.toBe(secret);
    expect(tab.client.sessionId).toBe(other.client.sessionId);
    expect(tab.texts).toEqual([]);
  });

  it("request another token after a sign-out in another tab", async () => {
    let token: string | null = "of ada";
    const tab = await world.tab({ token: () => token });
    const other = await world.tab({ token: () => token });
    token = null; // the site has ended the visitor's session
    tab.client.forget();
    tab.client.reconnect();
    await settle();

    expect([tab.socket.auth, other.socket.auth]).toEqual([{}, {}]);
    expect(other.state.connection).toBe("online");
  });

  it("follow another conversation that was opened while they joined", async () => {
    const tab = await world.tab();
    const other = await world.tab();
    await other.goes("offline");
    let release: () => void = () => undefined;
    world.server.handlers["session_request"] = (payload, socket) => {
      const answer = world.server.standard("session_request", payload, socket);
      return socket === other.socket && payload["session_id"] !== "chosen"
        ? new Promise((resolve) => (release = () => resolve(answer)))
        : answer;
    };
    await other.goes("online");
    tab.client.open("chosen");
    await settle();
    release();
    await settle();

    expect(tab.client.sessionId).toBe("chosen");
    expect(other.client.sessionId).toBe("chosen");
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

describe("forgetting", () => {
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
});

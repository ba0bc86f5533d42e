import { beforeEach, describe, expect, it } from "vitest";

import { settle, World } from "../world";

let world: World;
beforeEach(() => {
  world = new World();
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

  it("send a message once, although a listener sends another while it is being sent", async () => {
    const tab = await world.tab();
    tab.client.subscribe((event) => {
      if (event.type === "message" && event.message.role === "user" && event.message.message === "one")
        tab.client.send("two");
    });
    tab.client.send("one");

    expect(tab.socket.emitted.map((item) => item.payload["message"])).toEqual(["one", "two"]);
  });

  it("start a new conversation with a new connection and an empty history", async () => {
    const tab = await world.tab();
    tab.client.send("hello");
    await tab.client.reset();
    await settle();

    expect(tab.texts).toEqual([]);
    expect(tab.state.connection).toBe("online");
    expect(world.server.last("session_request")).not.toHaveProperty("session_id");
  });

  it("have no list of conversations, no older messages and nothing to catch up on", async () => {
    const tab = await world.tab();
    await tab.goes("wake");

    await expect(tab.client.list()).rejects.toThrow("Rasa's protocol only");
    await tab.client.loadOlder(1);
    expect(tab.state.older).toBe("failed");
    expect(world.server.requests.map(({ event }) => event)).toEqual(["session_request"]);
  });

  it("give way to protocol 1 when the server is upgraded", async () => {
    const tab = await world.tab();
    tab.client.send("hello");
    world.server.kill();
    world.server.handlers = {};
    world.server.up = true;
    world.server.botSays("plain-1", "welcome back");
    await world.clock.elapse(1_000);

    expect(tab.state.plain).toBe(false);
    expect(tab.texts).toEqual(["welcome back"]);
    tab.client.send("hello again");
    await settle();
    expect(world.server.last("user_uttered")["message"]).toBe("hello again");
  });
});

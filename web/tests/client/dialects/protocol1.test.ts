import { beforeEach, describe, expect, it } from "vitest";

import { settle, silence, World } from "../world";

let world: World;
beforeEach(() => {
  world = new World();
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
});

describe("requests and errors", () => {
  it("shows the messages that the answer to a reset brings", async () => {
    const tab = await world.tab();
    world.server.handlers["session_reset"] = (_payload, socket) => {
      world.server.botSays("fresh", "welcome");
      socket.session_id = "fresh";
      return world.server.snapshot("fresh");
    };

    await tab.client.reset();

    expect(tab.client.sessionId).toBe("fresh");
    expect(tab.texts).toEqual(["welcome"]);
  });

  it("lists conversations, and rejects with the server's error", async () => {
    const tab = await world.tab();
    const sessions = [{ session_id: "s", started: 1, last: 2, preview: "hi" }];
    world.server.handlers["session_list"] = () => ({ ok: true, sessions });
    expect(await tab.client.list()).toEqual(sessions);

    world.server.handlers["session_list"] = () => ({
      ok: false,
      error: { code: "forbidden", message: "no" },
    });
    await expect(tab.client.list()).rejects.toMatchObject({ error: { code: "forbidden" } });
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

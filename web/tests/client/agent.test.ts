import { beforeEach, describe, expect, it } from "vitest";

import { readHandler, readMessage, writeMessage } from "../../src/client/wire";
import { World } from "./world";

let world: World;
beforeEach(() => {
  world = new World();
});

const ADA = { id: "1", name: "Ada", avatar: "https://example.org/a.png" };

describe("operators", () => {
  it("are announced only to a page that accepts them", async () => {
    await world.tab();
    expect(world.server.last("session_request")).not.toHaveProperty("accepts");
    await world.tab({ accepts: ["agent"] });
    expect(world.server.last("session_request")).toMatchObject({ accepts: ["agent"] });
  });

  it("write messages with their name", async () => {
    const tab = await world.tab({ accepts: ["agent"] });
    tab.socket.hear("bot_typing", { on: true });
    tab.socket.hear("agent_uttered", {
      seq: 9,
      id: "9.0",
      parts: 1,
      prev: 0,
      timestamp: 5,
      text: "hi",
      operator: ADA,
    });
    expect(tab.state.messages).toEqual([
      {
        seq: 9,
        id: "9.0",
        parts: 1,
        prev: 0,
        timestamp: 5,
        role: "agent",
        body: { text: "hi" },
        operator: ADA,
      },
    ]);
    expect(tab.state.typing).toBe(false);
  });

  it("are reported after the join and at each change", async () => {
    world.server.handlers["session_request"] = (payload, socket) => ({
      ...(world.server.standard("session_request", payload, socket) as object),
      handler: "human",
      operator: ADA,
    });
    const tab = await world.tab({ accepts: ["agent"] });
    tab.socket.hear("agent_typing", { on: true });
    tab.socket.hear("handler_changed", { handler: "bot", rate: true });
    tab.socket.hear("handler_changed", { handler: "nobody" });
    expect(tab.events.filter((event) => event.type === "handler" || event.type === "agent_typing")).toEqual([
      { type: "handler", handler: "human", operator: ADA },
      { type: "agent_typing", on: true },
      { type: "handler", handler: "bot", rate: true },
    ]);
  });

  it("get ratings and typing of the visitor", async () => {
    const tab = await world.tab({ accepts: ["agent"] });
    const session_id = tab.client.sessionId!;
    await tab.client.rate(5, { comment: "thanks", of: 9 });
    expect(world.server.last("rate")).toMatchObject({ session_id, score: 5, comment: "thanks", of: 9 });
    tab.client.userTyping(true);
    expect(world.server.last("user_typing")).toEqual({ session_id, on: true });
  });
});

it("reads what a server may send, and writes it back", () => {
  const wire = {
    role: "agent",
    seq: 3,
    id: "3.0",
    parts: 1,
    prev: 1,
    timestamp: 2,
    text: "x",
    operator: ADA,
  };
  expect(writeMessage(readMessage(wire)!)).toEqual(wire);
  expect(readMessage({ ...wire, operator: "Ada" })).toMatchObject({ role: "bot", body: { operator: "Ada" } });
  expect(readHandler({})).toBeNull();
  expect(readHandler({ handler: "queue", operator: 7 })).toEqual({ handler: "queue" });
});

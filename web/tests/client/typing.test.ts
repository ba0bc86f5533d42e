import { beforeEach, describe, expect, it } from "vitest";

import { World } from "./world";

let world: World;
beforeEach(() => {
  world = new World();
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

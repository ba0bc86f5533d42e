import { beforeEach, describe, expect, it } from "vitest";

import { settle, World } from "./world";

let world: World;
beforeEach(() => {
  world = new World();
});

describe("the connection", () => {
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
});

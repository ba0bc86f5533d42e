import { expect, it } from "vitest";

import { transcriptText } from "../../src/ui/download";
import { en } from "../../src/ui/i18n";
import { Past } from "../../src/ui/past";
import { reduce } from "../../src/state/state";
import { silence, World, type Tab } from "../client/world";

function past(tab: Tab): Past {
  return new Past(
    tab.client,
    () => tab.state,
    (event) => (tab.state = reduce(tab.state, event)),
  );
}

async function longTalk(): Promise<{ world: World; tab: Tab }> {
  const world = new World();
  for (let i = 0; i < 12; i += 1) world.server.botSays("s", `said ${i}`);
  const tab = await world.tab({ session_id: "s", limit: 5 });
  return { world, tab };
}

it("loads everything, also while a page is being loaded", async () => {
  const { world, tab } = await longTalk();
  const reading = past(tab);
  const running = reading.load();
  expect(tab.state.older).toBe("loading");

  expect(await reading.all()).toBe(true);
  await running;
  expect(tab.texts.length).toBe(12);
  expect(world.server.count("history_request")).toBe(2);
});

it("ends when the past cannot be loaded, and tries anew when asked again", async () => {
  const { world, tab } = await longTalk();
  const reading = past(tab);
  world.server.handlers["history_request"] = () => silence;
  const all = reading.all();
  await tab.goes("offline");
  await world.clock.elapse(60_000);
  expect(await all).toBe(false);
  expect(transcriptText(tab.state.messages, false, "Bot", en, "en").split("\n")[0]).toBe(
    "[Earlier messages are missing.]",
  );

  delete world.server.handlers["history_request"];
  await tab.goes("online");
  await world.clock.elapse(60_000);
  expect(await reading.all()).toBe(true);
  expect(transcriptText(tab.state.messages, true, "Bot", en, "en")).not.toContain("missing");
});

it("ends when there is no conversation to ask about, and when a server promises more than it has", async () => {
  const { world, tab } = await longTalk();
  const reading = past(tab);
  world.server.handlers["history_request"] = () => ({ ok: true, messages: [], has_more: true });
  expect(await reading.all()).toBe(false);

  world.server.handlers["session_request"] = () => silence;
  tab.client.open("another");
  expect(await reading.all()).toBe(false);
});

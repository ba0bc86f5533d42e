// @vitest-environment happy-dom
import { afterEach, expect, it, vi } from "vitest";

import { readBasics } from "../../src/ui/basics";
import { readConfig } from "../../src/ui/config";
import { diagnose } from "../../src/ui/diagnosis";

afterEach(() => vi.restoreAllMocks());

/** Return what the owner of a page reads if its chat cannot connect. */
async function found(page: string, server: string, responds: boolean): Promise<string> {
  (window as unknown as { happyDOM: { setURL(url: string): void } }).happyDOM.setURL(page);
  const answer = responds ? Promise.resolve(new Response()) : Promise.reject(new TypeError("failed"));
  vi.spyOn(globalThis, "fetch").mockReturnValue(answer);
  const logged = vi.spyOn(console, "error").mockReturnValue();
  const element = document.createElement("div");
  element.setAttribute("server-url", server);
  await diagnose(readConfig(element, readBasics(element, `${server}/webchat/manent-chat.js`)));
  return String(logged.mock.lastCall![0]);
}

it("names mixed content, a missing --cors, a proxy and a server that does not respond", async () => {
  const [https, http] = ["https://shop.example/", "http://shop.example/"];

  expect(await found(https, "http://bot.example", true)).toContain("Serve the chat over https");
  expect(await found(https, "http://localhost:5005", false)).toContain("does not respond");
  expect(await found(http, "http://bot.example", true)).toContain("manent run --cors http://shop.example");
  expect(await found(https, "https://bot.example", false)).toContain("does not respond");
  expect(await found(https, "https://shop.example/bot", true)).toContain("docs/operations/proxies.md");
});

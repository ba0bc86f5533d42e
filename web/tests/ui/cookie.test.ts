// @vitest-environment happy-dom
import { beforeEach, expect, it, vi } from "vitest";

import { readBasics } from "../../src/ui/basics";
import { browserStore } from "../../src/ui/browser";
import { shareSession } from "../../src/ui/cookie";
import { remembered } from "../../src/ui/remembered";

const KEY = "manent:https://bot.example/socket.io/:session";

function basics(attributes: Record<string, string>) {
  const element = document.createElement("div");
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return readBasics(element, "https://bot.example/webchat/manent-chat.js");
}

/** A cookie jar that accepts only this domain. */
function jar(domain: string): void {
  const kept = new Map<string, string>();
  vi.spyOn(document, "cookie", "get").mockImplementation(() =>
    [...kept].map(([name, value]) => `${name}=${value}`).join("; "),
  );
  vi.spyOn(document, "cookie", "set").mockImplementation((written) => {
    const [pair, ...rest] = written.split("; ");
    const at = pair!.indexOf("=");
    if (!rest.includes(`Domain=${domain}`)) return;
    if (rest.includes("Max-Age=0")) kept.delete(pair!.slice(0, at));
    else kept.set(pair!.slice(0, at), pair!.slice(at + 1));
  });
}

beforeEach(() => {
  vi.restoreAllMocks();
  localStorage.clear();
  jar("site.example");
});

it("shares only the session, in a cookie of the domain, and only if the site wants it", () => {
  const wanted = basics({ "cookie-domain": "site.example" });
  const store = shareSession(browserStore("local"), wanted);
  store.set(KEY, '{"session_id":"a b"}');
  store.set("other", "x");

  expect(store.get(KEY)).toBe('{"session_id":"a b"}');
  expect(document.cookie).toContain("manent");
  expect(document.cookie).not.toContain("other");
  expect(localStorage.getItem(KEY)).toBeNull();
  expect(remembered(wanted, "session")).not.toBeNull();

  localStorage.clear(); // another subdomain
  expect(shareSession(browserStore("local"), wanted).get(KEY)).toBe('{"session_id":"a b"}');
  expect(shareSession(browserStore("local"), basics({})).get(KEY)).toBeNull();
});

it("removes the session for all subdomains, without a copy that comes back", () => {
  localStorage.setItem(KEY, "old"); // from the time before the site set cookie-domain
  const wanted = basics({ "cookie-domain": "site.example" });
  const store = shareSession(browserStore("local"), wanted);
  expect(store.get(KEY)).toBe("old");
  store.remove(KEY);

  expect(store.get(KEY)).toBeNull();
  expect(document.cookie).toBe("");
  expect(shareSession(browserStore("local"), wanted).get(KEY)).toBeNull();
});

it("keeps the session in this origin and warns if the browser refuses the cookie", () => {
  const warned = vi.spyOn(console, "warn").mockReturnValue();
  const store = shareSession(browserStore("local"), basics({ "cookie-domain": "elsewhere.example" }));
  store.set(KEY, "here");

  expect(localStorage.getItem(KEY)).toBe("here");
  expect(warned.mock.calls[0]![0]).toContain('cookie-domain="elsewhere.example"');
});

it("notices when another subdomain has changed the session", () => {
  const store = shareSession(browserStore("local"), basics({ "cookie-domain": "site.example" }));
  const changed: string[] = [];
  const stop = store.watch((key) => changed.push(key));
  document.cookie = `${encodeURIComponent(KEY)}=new; Domain=site.example; Path=/`;
  document.dispatchEvent(new Event("visibilitychange"));
  stop();
  document.dispatchEvent(new Event("visibilitychange"));

  expect(changed).toEqual([KEY]);
});

it("leaves conversations of one tab or one page alone", () => {
  for (const storage of ["session", "none"] as const)
    expect(
      shareSession(browserStore(storage), basics({ storage, "cookie-domain": "site.example" })).get(KEY),
    ).toBeNull();
  expect(document.cookie).toBe("");
});

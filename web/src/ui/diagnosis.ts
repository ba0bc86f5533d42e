/**
 * Tells the site's owner, in the console, why the chat does not connect and what to do.
 *
 * Called by `chat.ts` when connecting has failed twice. Must not change anything; the visitor reads a sentence of the
 * interface.
 */

import type { ChatConfig } from "./config";

/** Addresses that the page's content security policy has blocked. */
const blocked: string[] = [];
document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
  if (effectiveDirective === "connect-src") blocked.push(blockedURI);
});

/** Log the cause, as far as a page can find it out. */
export async function diagnose({ server_url, socket_path }: ChatConfig): Promise<void> {
  console.error(`manent-chat: no connection to ${server_url}${socket_path}. ${await cause(server_url)}`);
}

async function cause(server_url: string): Promise<string> {
  const { protocol, host, hostname, origin } = new URL(server_url);
  const isLocal = /^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname);
  if (location.protocol === "https:" && protocol === "http:" && !isLocal)
    return "This page uses https, so the browser blocks connections to http. Serve the chat over https, and write https in server-url.";
  if (blocked.some((address) => address.includes(host)))
    return `The content security policy of this page blocks it. Add to connect-src: ${origin} ${origin.replace("http", "ws")}`;
  if (!navigator.onLine) return "The browser is offline.";
  try {
    // Any page may read this file, so it also answers a page that the server does not let connect.
    await fetch(`${server_url}/webchat/icon.svg`, { cache: "no-store", signal: AbortSignal.timeout(5_000) });
  } catch {
    return "The server does not answer. Is it running, and is server-url its address?";
  }
  return origin === location.origin
    ? "The server answers, but the connection is refused: a proxy may not pass on the headers Host and Upgrade. See docs/proxies.md."
    : `The server answers, but does not let this page connect. Start it with: manent run --cors ${location.origin}`;
}

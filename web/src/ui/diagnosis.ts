/**
 * Logs the reason why the chat cannot connect, and what to do, for the site's owner.
 *
 * Called by `chat.ts` when connecting has failed twice. Must not change anything. The visitor sees a separate text.
 */

import type { ChatConfig } from "./config";

/** URLs that the page's content security policy has blocked. */
const blocked: string[] = [];
document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
  if (effectiveDirective === "connect-src") blocked.push(blockedURI);
});

/** Log the cause, as far as the page can determine it. */
export async function diagnose({ server_url, socket_path }: ChatConfig): Promise<void> {
  console.error(`manent-chat: no connection to ${server_url}${socket_path}. ${await cause(server_url)}`);
}

async function cause(server_url: string): Promise<string> {
  const { protocol, host, hostname, origin } = new URL(server_url);
  const isLocal = /^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname);
  if (location.protocol === "https:" && protocol === "http:" && !isLocal)
    return "This page uses https, so the browser blocks connections to http. Serve the chat over https, and write https in server-url.";
  if (blocked.some((address) => address.includes(host)))
    return `The content security policy of this page blocks the connection. Add this to connect-src: ${origin} ${origin.replace("http", "ws")}`;
  if (!navigator.onLine) return "The browser is offline.";
  try {
    // Any page can read this file, even if the server does not allow the page to connect.
    await fetch(`${server_url}/webchat/icon.svg`, { cache: "no-store", signal: AbortSignal.timeout(5_000) });
  } catch {
    return "The server does not respond. Check that it is running and that server-url is its URL.";
  }
  return origin === location.origin
    ? "The server responds, but the connection is rejected. Check that the proxy forwards the headers Host and Upgrade; see docs/operations/proxies.md."
    : `The server responds, but does not allow this page to connect. Start it with: manent run --cors ${location.origin}`;
}

/**
 * The configuration that the element needs before the chat is loaded: attributes and the key of the stored session.
 *
 * Called by `element.ts`. Part of the first download of every page; `config.ts` reads the other attributes. Must not
 * change the element.
 */

import type { StorageKind } from "./browser";

/** Attributes that can change while the chat runs. */
export const ATTRIBUTES = [
  "heading",
  "heading-level",
  "subheading",
  "placeholder",
  "lang",
  "theme",
  "avatar",
  "metadata",
  "message-delay",
  "conversations",
  "voice",
  "hide",
  "greeting",
  "suggestions",
  "words",
  "tone",
  "feedback",
  "size",
] as const;

/** An attribute of the chat. Those that are not in `ATTRIBUTES` are read once. */
export type Attribute =
  | (typeof ATTRIBUTES)[number]
  | "server-url"
  | "socket-path"
  | "namespace"
  | "layout"
  | "storage"
  | "initial-payload"
  | "session-id"
  | "adopt"
  | "link-target"
  | "metadata-key"
  | "user-message-event"
  | "bot-message-event"
  | "storage-key"
  | "cookie-domain";

export interface Basics {
  /** The server's URL without a trailing slash, for example `https://bot.example` or `https://example/bot`. */
  readonly server_url: string;
  readonly socket_path: string;
  readonly namespace: string;
  /** Prefix of stored keys. Chats with different servers or different `storage-key`s have different conversations. */
  readonly scope: string;
  readonly heading: string;
  readonly storage: StorageKind;
  /** Domain whose subdomains share the conversation through a cookie, or `""`. */
  readonly cookie_domain: string;
}

/**
 * Return the URL of the server that serves `script_url`: the part before `/webchat/`, which can include a proxy's path.
 */
function serverOf(script_url: string): string {
  const { origin, pathname } = new URL(script_url);
  const end = pathname.lastIndexOf("/webchat/");
  return end === -1 ? origin : origin + pathname.slice(0, end);
}

/** Read the attributes of an element. By default, the server is the one that serves `script_url`. */
export function readBasics(element: Element, script_url: string): Basics {
  const attribute = (name: Attribute): string | null => element.getAttribute(name);
  const server = attribute("server-url");
  const server_url = server
    ? new URL(server, document.baseURI).href.replace(/\/+$/, "")
    : serverOf(script_url);
  const socket_path = attribute("socket-path") ?? "/socket.io";
  const namespace = attribute("namespace") ?? "/";
  const storage = attribute("storage");
  const key = attribute("storage-key") ?? "";
  return {
    server_url,
    socket_path,
    namespace,
    scope: `manent:${server_url}${socket_path}${namespace}${key && `#${key}`}`,
    heading: attribute("heading") ?? "Manent",
    storage: storage === "session" || storage === "none" ? storage : "local",
    cookie_domain: attribute("cookie-domain") ?? "",
  };
}

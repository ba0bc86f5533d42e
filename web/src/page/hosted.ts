/**
 * Creates the chat of a page that the server itself sends, from the server's settings in `webchat/config.json`.
 *
 * Called by `page.ts` and `demo.ts`. Must not contain settings of its own.
 */

import "../ui/element";
import type { ManentChat } from "../ui/element";

/** The contents of `webchat/config.json`. Every key is optional. */
export interface PageSettings {
  title?: string;
  subtitle?: string;
  socketPath?: string;
  namespace?: string;
  initialPayload?: string;
  language?: string;
  theme?: string;
  userMessageEvent?: string;
  botMessageEvent?: string;
  /** Set by `manent run --demo`: the server's process, and whether this browser may kill it. */
  demo?: { pid: number; kill: boolean };
}

const ATTRIBUTE: Record<Exclude<keyof PageSettings, "demo">, string> = {
  title: "heading",
  subtitle: "subheading",
  socketPath: "socket-path",
  namespace: "namespace",
  initialPayload: "initial-payload",
  language: "lang",
  theme: "theme",
  userMessageEvent: "user-message-event",
  botMessageEvent: "bot-message-event",
};

/**
 * Return the server's settings, whose file is beside the page's script. Without a connection, or with a server without
 * settings, they are empty.
 */
export async function readSettings(script_url: string): Promise<PageSettings> {
  try {
    const answer = await fetch(new URL("config.json", script_url));
    return answer.ok ? ((await answer.json()) as PageSettings) : {};
  } catch {
    return {};
  }
}

/** Create a chat that fills its container. */
export function createChat(settings: PageSettings): ManentChat {
  const chat = document.createElement("manent-chat") as ManentChat;
  chat.setAttribute("layout", "fill");
  chat.setAttribute("lang", navigator.languages.join(" ")); // the page specifies no language
  for (const [key, attribute] of Object.entries(ATTRIBUTE)) {
    const value = settings[key as keyof typeof ATTRIBUTE];
    if (typeof value === "string" && value !== "") chat.setAttribute(attribute, value);
  }
  return chat;
}

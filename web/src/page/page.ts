/**
 * The hosted page at `/`, on which a chat fills the page. It connects to the server that sent the page.
 *
 * Reads its settings from `webchat/config.json`. Must not contain settings of its own.
 */

import "../ui/element";

/** The contents of `webchat/config.json`. Every key is optional. */
interface PageSettings {
  title?: string;
  subtitle?: string;
  socketPath?: string;
  namespace?: string;
  initialPayload?: string;
  language?: string;
  theme?: string;
  userMessageEvent?: string;
  botMessageEvent?: string;
}

const ATTRIBUTE: Record<keyof PageSettings, string> = {
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

async function settings(): Promise<PageSettings> {
  try {
    const answer = await fetch(new URL(/* @vite-ignore */ "config.json", import.meta.url));
    return answer.ok ? ((await answer.json()) as PageSettings) : {};
  } catch {
    return {}; // offline, or a server without settings: use the defaults
  }
}

async function show(): Promise<void> {
  const chat = document.createElement("manent-chat");
  chat.setAttribute("layout", "fill");
  chat.setAttribute("heading-level", "1");
  chat.setAttribute("lang", navigator.languages.join(" ")); // the page specifies no language
  chat.addEventListener("manent-ready", (event) => {
    document.documentElement.lang = (event as CustomEvent<{ language: string }>).detail.language;
  });
  const configured = await settings();
  for (const [key, attribute] of Object.entries(ATTRIBUTE)) {
    const value = configured[key as keyof PageSettings];
    if (typeof value === "string" && value !== "") chat.setAttribute(attribute, value);
  }
  if (typeof configured.title === "string" && configured.title !== "") document.title = configured.title;
  document.querySelector("main")?.replaceChildren(chat);
  // On a touch screen the keyboard would cover the conversation.
  if (matchMedia("(pointer: fine)").matches) chat.focus();
}

void show();

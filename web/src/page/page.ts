/** The hosted page at `/`: a chat with the server that it came from, with the few settings that the server gives. */

import "../ui/element";

/** What `webchat/config.json` may say; every key is optional. */
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
    return {}; // offline, or a server without settings: the defaults are good
  }
}

async function show(): Promise<void> {
  const chat = document.createElement("manent-chat");
  chat.setAttribute("layout", "fill");
  chat.setAttribute("heading-level", "1");
  chat.setAttribute("lang", navigator.languages.join(" ")); // the page itself speaks every language
  chat.addEventListener("manent-ready", (event) => {
    document.documentElement.lang = (event as CustomEvent<{ language: string }>).detail.language;
  });
  const given = await settings();
  for (const [key, attribute] of Object.entries(ATTRIBUTE)) {
    const value = given[key as keyof PageSettings];
    if (typeof value === "string" && value !== "") chat.setAttribute(attribute, value);
  }
  if (typeof given.title === "string" && given.title !== "") document.title = given.title;
  document.querySelector("main")?.replaceChildren(chat);
  // On a touch screen the keyboard would cover what one came to read.
  if (matchMedia("(pointer: fine)").matches) chat.focus();
}

void show();

/** The hosted page at `/`, on which a chat fills the page. It connects to the server that sent the page. */

import { createChat, readSettings } from "./hosted";

async function show(): Promise<void> {
  const settings = await readSettings(import.meta.url);
  const chat = createChat(settings);
  chat.setAttribute("heading-level", "1");
  chat.addEventListener("manent-ready", (event) => {
    document.documentElement.lang = (event as CustomEvent<{ language: string }>).detail.language;
  });
  if (typeof settings.title === "string" && settings.title !== "") document.title = settings.title;
  document.querySelector("main")?.replaceChildren(chat);
  // On a touch screen the keyboard would cover the conversation.
  if (matchMedia("(pointer: fine)").matches) chat.focus();
}

void show();

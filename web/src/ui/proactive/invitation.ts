/**
 * Invites a visitor who has not used the chat: a teaser beside the floating button, or a chat that opens by itself.
 *
 * Owns the teaser and the timer. Loaded by `element.ts` if the site has rules, and stopped when the visitor opens or
 * closes the chat, or closes the teaser; then no page of the site invites this visitor again. Must not import the chat or
 * a library.
 */

import type { Basics } from "../basics";
import { remember, remembered } from "../remembered";
import { closeWord } from "../close_word";
import { languageTags } from "../waiting";
import { due, readRules, ruleFor, type Rule } from "./rules";
import { teaserStyles } from "./styles";

/** The element `manent-chat`. */
interface Inviting extends HTMLElement {
  open(): void;
  send(text: string): Promise<unknown>;
}

/** `state` in the detail of the event `manent-teaser`. */
export type TeaserState = "shown" | "accepted" | "closed";

/** How often the page and the time are checked. */
const CHECK_MS = 250;

/**
 * Start inviting the visitor of `chat`.
 *
 * @param root the shadow root of the chat
 * @param ending aborted when the visitor opens or closes the chat; this function aborts it when the visitor closes the teaser
 * @param adopt adds styles to the shadow root
 */
export function invite(
  chat: Inviting,
  root: ShadowRoot,
  ending: AbortController,
  basics: () => Basics,
  adopt: (css: string) => void,
): void {
  if (ending.signal.aborted) return;
  const rules = readRules((name) => chat.getAttribute(name));
  // Screen readers announce what is added to a region that exists already.
  const region = document.createElement("div");
  region.setAttribute("role", "status");
  let path = "";
  let elapsed_ms = 0;
  let shown: Rule | null = null;
  const refuse = (text: string): void => {
    report(chat, "closed", text);
    if (root.activeElement !== null) root.querySelector<HTMLElement>(".launcher")!.focus();
    remember(basics(), "met", "1");
    ending.abort();
  };
  const check = (): void => {
    // Another tab can have met the visitor.
    if (remembered(basics(), "met") !== null) {
      ending.abort();
      return;
    }
    // Sites can change the path without loading a page.
    if (path !== location.pathname) {
      path = location.pathname;
      elapsed_ms = 0;
    } else if (document.visibilityState === "visible") elapsed_ms += CHECK_MS;
    const rule = ruleFor(rules, path);
    if (shown !== null && shown !== rule) {
      region.replaceChildren();
      shown = null;
    }
    const next = due(rule, elapsed_ms / 1000);
    // On a narrow screen, the chat would cover the page.
    if (next === "open" && !matchMedia("(max-width: 30rem)").matches) chat.setAttribute("open", "auto");
    else if (rule !== null && shown === null && next !== null && rule.teaser !== "") {
      shown = rule;
      region.append(teaser(chat, rule, () => refuse(rule.teaser)));
      report(chat, "shown", rule.teaser);
    }
  };
  const timer = setInterval(check, CHECK_MS);
  ending.signal.addEventListener("abort", () => {
    clearInterval(timer);
    region.remove();
  });
  adopt(teaserStyles);
  root.querySelector(".launcher")!.before(region);
  check();
}

function teaser(chat: Inviting, { teaser: words, payload }: Rule, refuse: () => void): HTMLElement {
  const box = document.createElement("div");
  box.className = "teaser";
  box.setAttribute("part", "teaser");
  const accept = button("invite", () => {
    report(chat, "accepted", words);
    chat.open();
    if (payload !== "") chat.send(payload).catch(() => undefined); // the chat has reported why it could not be loaded
  });
  accept.dir = "auto";
  const avatar = chat.getAttribute("avatar") ?? "";
  if (avatar !== "") {
    const picture = document.createElement("img");
    picture.alt = "";
    picture.src = avatar;
    picture.addEventListener("error", () => picture.remove());
    accept.append(picture);
  }
  const text = document.createElement("span");
  text.id = "teaser";
  text.textContent = words;
  accept.append(text);
  const close = button("refuse", refuse);
  close.textContent = "✕";
  close.setAttribute("aria-label", closeWord(languageTags(chat)));
  close.setAttribute("aria-describedby", "teaser");
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") refuse();
  });
  box.append(accept, close);
  return box;
}

function report(chat: Inviting, state: TeaserState, text: string): void {
  chat.dispatchEvent(
    new CustomEvent("manent-teaser", { detail: { state, text }, bubbles: true, composed: true }),
  );
}

function button(name: string, act: () => void): HTMLButtonElement {
  const found = document.createElement("button");
  found.type = "button";
  found.className = name;
  found.addEventListener("click", act);
  return found;
}

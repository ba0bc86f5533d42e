/**
 * The frame of the page: header, notices, the tabs, dialogs, and what is shown instead of them while nobody is signed in.
 *
 * Called by `desk.ts`. Pure: takes the desk and the time, returns a template.
 */

import { html, nothing, type TemplateResult } from "lit-html";

import { canNotify } from "../../ui/media";
import { closeIcon, mark, menuIcon } from "../../ui/views/icons";
import type { Desk } from "../desk";
import { mayReview, openedOf, rowsOf, type Tab } from "../state";
import type { Words } from "../words";
import { avatarView, valueOf } from "./pieces";
import { inboxView } from "./inbox";
import { numbersView } from "./numbers";
import { reviewView } from "./review";
import { searchView } from "./search";

const TABS: readonly Tab[] = ["inbox", "search", "review", "numbers"];

export function deskView(desk: Desk, now: number): TemplateResult {
  const { state, words } = desk;
  if (state.access !== "granted") return doorView(desk);
  const waiting = rowsOf(state, "waiting").length;
  return html`<div class="panel desk">
    <header>
      <span class="brand">${mark()}</span>
      <h1 class="sr">${words.title}</h1>
      <nav aria-label=${words.sections}>
        ${TABS.filter((tab) => tab !== "review" || mayReview(state)).map(
          (tab) =>
            html`<button
              type="button"
              class="tab"
              aria-current=${state.tab === tab ? "page" : nothing}
              @click=${() => desk.go(tab)}
            >
              ${words[tab]}${
                tab === "inbox" && waiting > 0
                  ? html`<span class="count" aria-hidden="true">${waiting}</span
                      ><span class="sr">(${words.view_waiting}: ${waiting})</span>`
                  : nothing
              }
            </button>`,
        )}
      </nav>
      <button
        type="button"
        class="me menu-button"
        aria-haspopup="menu"
        aria-expanded=${desk.menuOpen}
        aria-label="${words.menu}: ${state.me?.operator.name ?? ""}"
        @click=${() => desk.toggleMenu()}
      >
        ${state.me === null ? nothing : avatarView(state.me.operator)}${menuIcon()}
      </button>
      ${desk.menuOpen ? menuView(desk) : nothing}
    </header>
    <div class="notices" role="status">
      ${state.online ? nothing : html`<div class="notice away"><p>${words.offline}</p></div>`}
      ${state.notices.map(
        ({ key, text }) =>
          html`<div class="notice">
            <p dir="auto">${text}</p>
            <button type="button" class="icon" aria-label=${words.dismiss} @click=${() => desk.dismiss(key)}>
              ${closeIcon()}
            </button>
          </div>`,
      )}
    </div>
    ${tabView(desk, now)} ${dialogView(desk)}
  </div>`;
}

function tabView(desk: Desk, now: number): TemplateResult {
  switch (desk.state.tab) {
    case "inbox":
      return inboxView(desk, now);
    case "search":
      return searchView(desk, now);
    case "review":
      return reviewView(desk);
    case "numbers":
      return numbersView(desk);
  }
}

function doorView({ state, words, api }: Desk): TemplateResult {
  const face = (text: string, more: unknown = nothing): TemplateResult =>
    html`<div class="panel desk door">
      <div class="empty">
        ${mark()}
        <h1>${text}</h1>
        ${more}
      </div>
    </div>`;
  if (state.access === "checking") return face(words.checking);
  if (state.access === "unreachable") return face(words.unreachable);
  return face(
    words.signed_out,
    html`<p><a class="solid" href=${new URL("../../sign-in", api.base).href}>${words.sign_in}</a></p>
      <p>${words.signed_out_local}</p>
      <pre tabindex="0"><code>manent desk invite NAME --role operator</code></pre>`,
  );
}

function menuView(desk: Desk): TemplateResult {
  const { words, alerts } = desk;
  const move = (event: KeyboardEvent): void => {
    const items = [...(event.currentTarget as Element).querySelectorAll("button")];
    const at = items.indexOf(event.target as HTMLButtonElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (event.key === "Tab" || event.key === "Escape") desk.toggleMenu();
    if (event.key === "Escape") document.querySelector<HTMLElement>(".menu-button")?.focus();
    if (to === undefined) return;
    event.preventDefault();
    items[(to + items.length) % items.length]?.focus();
  };
  const toggle = (name: "sound" | "notifications"): TemplateResult =>
    html`<button
      type="button"
      role="menuitemcheckbox"
      aria-checked=${alerts.has(name)}
      tabindex="-1"
      @click=${() => void desk.switch(name)}
    >
      <span>${words[name]}</span>
    </button>`;
  return html`<div id="menu" role="menu" aria-label=${words.menu} @keydown=${move}>
    ${toggle("sound")} ${canNotify() ? toggle("notifications") : nothing}
    <button type="button" role="menuitem" tabindex="-1" @click=${() => desk.ask("help")}>
      <span>${words.keys}</span>
    </button>
    <button type="button" role="menuitem" tabindex="-1" @click=${() => void desk.signOut()}>
      <span>${words.sign_out}</span>
    </button>
  </div>`;
}

// -- dialogs --------------------------------------------------------------------------------------------------

function dialogView(desk: Desk): TemplateResult | typeof nothing {
  if (desk.dialog === null) return nothing;
  const { words } = desk;
  const close = (): void => desk.ask(null);
  switch (desk.dialog) {
    case "help":
      return frame(words.keys, words, close, helpView(words));
    case "hand_back":
      return form(
        desk,
        words.hand_back_ask,
        words.hand_back_note,
        words.hand_back,
        handBackFields(desk),
        (values) => {
          const trigger = valueOf(values, "trigger");
          const note = valueOf(values, "note");
          desk.act("hand_back", { ...(trigger === "" ? {} : { trigger }), ...(note === "" ? {} : { note }) });
        },
      );
    case "close":
      return form(
        desk,
        words.close_ask,
        words.close_note,
        words.close_conversation,
        closeFields(words),
        (values) => {
          const note = valueOf(values, "note");
          desk.act("close", { rate: values.has("rate"), ...(note === "" ? {} : { note }) });
        },
      );
    case "assign":
      return frame(
        words.assign_to,
        words,
        close,
        desk.handlers.length === 0
          ? html`<p>${words.assign_none}</p>`
          : html`<ul class="choices">
              ${desk.handlers.map(
                (operator) =>
                  html`<li>
                    <button
                      type="button"
                      @click=${() => {
                        desk.act("assign", { operator: operator.id });
                        close();
                      }}
                    >
                      ${avatarView(operator)}<bdi>${operator.name}</bdi>${
                        operator.present ? html`<small>${words.here}</small>` : nothing
                      }
                    </button>
                  </li>`,
              )}
            </ul>`,
      );
    case "canned": {
      const sender_id = openedOf(desk.state)?.head.sender_id ?? "";
      const draft = desk.draft(sender_id);
      return form(
        desk,
        words.canned_save,
        draft,
        words.save,
        html`<label
          >${words.canned_key}<input name="key" required maxlength="64" pattern="[\\w.\\-]+" autofocus
        /></label>`,
        (values) => void desk.saveCanned(valueOf(values, "key"), draft),
      );
    }
  }
}

function frame(title: string, words: Words, close: () => void, body: unknown): TemplateResult {
  return html`<dialog class="question" aria-labelledby="ask" @close=${close} @click=${closeOutside}>
    <div class="dialog">
      <h2 id="ask" class="ask">${title}</h2>
      ${body}
      <form method="dialog" class="answers"><button class="quiet">${words.close}</button></form>
    </div>
  </dialog>`;
}

function form(
  desk: Desk,
  title: string,
  note: string,
  yes: string,
  fields: TemplateResult,
  act: (values: FormData) => void,
): TemplateResult {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    act(new FormData(event.target as HTMLFormElement));
    desk.ask(null);
  };
  return html`<dialog
    class="question"
    aria-labelledby="ask"
    @close=${() => desk.ask(null)}
    @click=${closeOutside}
  >
    <form class="dialog" @submit=${submit}>
      <h2 id="ask" class="ask">${title}</h2>
      <p dir="auto">${note}</p>
      ${fields}
      <div class="answers">
        <button type="button" class="quiet" @click=${() => desk.ask(null)}>${desk.words.cancel}</button>
        <button type="submit" class="solid">${yes}</button>
      </div>
    </form>
  </dialog>`;
}

/** Close a dialog by a click on what is behind it. */
function closeOutside(event: Event): void {
  if (event.target === event.currentTarget) (event.currentTarget as HTMLDialogElement).close();
}

function handBackFields({ words, review }: Desk): TemplateResult {
  return html`<label>${words.note_optional}<textarea name="note" rows="2" dir="auto"></textarea></label>
    <label>${words.trigger_optional}<input name="trigger" list="intents" autocomplete="off" /></label>
    <datalist id="intents">
      ${review.intents.map((intent) => html`<option value=${intent}></option>`)}
    </datalist>`;
}

function closeFields(words: Words): TemplateResult {
  return html`<label>${words.note_optional}<textarea name="note" rows="2" dir="auto"></textarea></label>
    <label class="check"><input type="checkbox" name="rate" checked />${words.ask_rating}</label>`;
}

function helpView(words: Words): TemplateResult {
  const keys: [string, string][] = [
    ["j k", words.key_move],
    ["r", words.key_reply],
    ["Enter", words.key_send],
    ["t", words.key_take],
    ["b", words.key_hand_back],
    ["/", words.key_search],
    ["?", words.key_help],
    ["Esc", words.key_escape],
  ];
  return html`<dl class="keys">
      ${keys.map(
        ([key, text]) =>
          html`<div>
            <dt>${key.split(" ").map((each) => html`<kbd>${each}</kbd> `)}</dt>
            <dd>${text}</dd>
          </div>`,
      )}
    </dl>
    <p class="small"><kbd>/</kbd> ${words.key_canned}</p>`;
}

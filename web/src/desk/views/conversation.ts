/** The open conversation: its head, its messages, and the field for a reply. Called by `inbox.ts`. Pure. */

import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";

import { contents } from "../../state/content";
import { en, fill } from "../../ui/i18n";
import { content, type ContentContext } from "../../ui/views/content";
import { checkIcon, mark, sendIcon } from "../../ui/views/icons";
import { matching } from "../canned";
import type { Desk } from "../desk";
import { mayHandle, typists, viewers, type Opened } from "../state";
import { itemsOf, type Item } from "../talk";
import { format } from "../times";
import { list, text, type DeskMessage, type JsonObject, type Operator } from "../wire";
import { backIcon, detailsIcon } from "./icons";
import { avatarView, nameOf } from "./pieces";

export function conversationView(opened: Opened, desk: Desk, now: number): TemplateResult {
  const { words, outbox } = desk;
  const { sender_id } = opened.head;
  const items = itemsOf(opened.messages, outbox.of(sender_id));
  return html`<section class="talk" aria-label=${words.conversation}>
    ${headView(opened, desk)}
    <div class="scroll">
      <div class="log" role="log" aria-live="off" tabindex="0" aria-label=${words.conversation}>
        <div class="column">
          ${
            opened.has_more
              ? html`<button
                  type="button"
                  class="older quiet"
                  ?disabled=${opened.older === "loading"}
                  @click=${() => void desk.loadOlder()}
                >
                  ${opened.older === "loading" ? words.loading : words.older}
                </button>`
              : nothing
          }
          ${repeat(
            items,
            ({ key }) => key,
            (item) => itemView(item, desk),
          )}
          ${typists(desk.state, sender_id, now).visitor ? typingView(words.visitor_typing) : nothing}
        </div>
      </div>
    </div>
    ${replyView(opened, desk, now)}
  </section>`;
}

function headView(opened: Opened, desk: Desk): TemplateResult {
  const { words, outbox } = desk;
  const { head } = opened;
  const { sender_id } = head;
  const may = mayHandle(desk.state);
  const isMine = head.handler === "human" && !desk.isOthers();
  return html`<header class="talk-head">
    <button type="button" class="icon back" aria-label=${words.back} @click=${() => desk.select(null)}>
      ${backIcon()}
    </button>
    <div class="titles">
      <h2><bdi>${nameOf(sender_id, words)}</bdi></h2>
      <p class="status ${head.handler === "queue" ? "waits" : ""}"><bdi>${statusOf(desk)}</bdi></p>
    </div>
    ${
      may
        ? html`<div class="actions">
            ${
              head.handler === "human"
                ? nothing
                : html`<button
                    type="button"
                    class="solid"
                    ?disabled=${outbox.has(sender_id, "take")}
                    @click=${() => desk.take()}
                  >
                    ${words.take}
                  </button>`
            }
            ${
              desk.isOthers()
                ? html`<button type="button" class="outline" @click=${() => desk.takeOver()}>
                    ${words.take_over}
                  </button>`
                : nothing
            }
            ${
              isMine || (head.handler === "queue" && desk.mayHandBack())
                ? html`<button
                    type="button"
                    class="outline"
                    ?disabled=${outbox.has(sender_id, "hand_back")}
                    @click=${() => desk.ask("hand_back")}
                  >
                    ${words.hand_back}
                  </button>`
                : nothing
            }
            ${
              isMine
                ? html`<button type="button" class="outline wide-only" @click=${() => desk.ask("close")}>
                    ${words.close}
                  </button>`
                : nothing
            }
          </div>`
        : nothing
    }
    <button
      type="button"
      class="icon details-button"
      aria-label=${words.details}
      aria-expanded=${desk.detailsOpen}
      @click=${() => desk.toggleDetails()}
    >
      ${detailsIcon()}
    </button>
  </header>`;
}

function statusOf({ state, words }: Desk): string {
  const head = state.opened[state.selected ?? ""]?.head;
  if (head === undefined) return "";
  const closed = head.closed_at === null ? "" : ` · ${words.closed}`;
  if (head.handler === "bot") return words.with_bot + closed;
  if (head.handler === "queue") return words.with_queue;
  if (head.operator === null || head.operator.id === state.me?.operator.id) return words.with_you;
  return fill(words.with_other, head.operator.name);
}

function itemView(item: Item, desk: Desk): TemplateResult {
  switch (item.kind) {
    case "day":
      return html`<div class="divider">
        <span>${format(desk.localization.locale, "day").format(new Date(item.timestamp * 1000))}</span>
      </div>`;
    case "message":
      return messageView(item.message, item.starts, desk);
    case "pending":
      return pendingView(item, desk);
  }
}

function messageView(message: DeskMessage, starts: boolean, desk: Desk): TemplateResult {
  const { words, state } = desk;
  switch (message.role) {
    case "user":
      return html`<article class="said theirs ${starts ? "starts" : ""}" data-key=${message.id}>
        ${starts ? senderView(nameOf(state.selected ?? "", words), message, desk) : nothing}
        ${message.text === "" ? nothing : html`<div class="bubble" dir="auto">${message.text}</div>`}
        ${filesView(message, desk)} ${intentView(message)}
      </article>`;
    case "bot":
      return html`<article class="said ours ${starts ? "starts" : ""}" data-key=${message.id}>
        ${starts ? senderView(words.bot, message, desk) : nothing}
        <div class="bubble bots">${bodyView(message, desk)}</div>
      </article>`;
    case "agent":
      return html`<article class="said ours ${starts ? "starts" : ""}" data-key=${message.id}>
        ${starts ? senderView(message.operator?.name ?? words.you, message, desk, message.operator) : nothing}
        <div class="bubble agents">${bodyView(message, desk)}</div>
      </article>`;
    case "note":
      return html`<article class="remark" data-key=${message.id}>
        <header>
          <b>${words.note}</b> <bdi>${message.operator?.name ?? ""}</bdi> ${timeView(message.timestamp, desk)}
        </header>
        <p dir="auto">${message.text}</p>
      </article>`;
    case "event":
      return html`<div class="divider event" data-key=${message.id}>
        <span><bdi>${eventText(message, desk)}</bdi></span>
      </div>`;
  }
}

function senderView(
  name: string,
  message: DeskMessage,
  desk: Desk,
  operator: Operator | null = null,
): TemplateResult {
  return html`<header>
    ${message.role === "bot" ? html`<span class="avatar">${mark()}</span>` : operator === null ? nothing : avatarView(operator)}
    <span class="name"><bdi>${name}</bdi></span
    >${timeView(message.timestamp, desk)}
  </header>`;
}

function timeView(timestamp: number, { localization: { locale } }: Desk): TemplateResult | typeof nothing {
  if (timestamp <= 0) return nothing;
  const at = new Date(timestamp * 1000);
  return html`<time datetime=${at.toISOString()} title=${format(locale, "full").format(at)}
    >${format(locale, "time").format(at)}</time
  >`;
}

/** How the bot understood a message. */
function intentView({ intent, confidence }: DeskMessage): TemplateResult | typeof nothing {
  if (intent === null) return nothing;
  const isUnsure = confidence !== null && confidence < 0.5;
  const percent = confidence === null ? "" : ` ${Math.round(confidence * 100)} %`;
  return html`<footer class="intent ${isUnsure ? "unsure" : ""}"><code>${intent}</code>${percent}</footer>`;
}

/** Keys of a message that describe it. They are not part of what the visitor sees. */
const ABOUT = new Set(["intent", "confidence", "entities"]);

/** The body of a message as the visitor sees it. Its buttons do nothing here. */
function bodyView(message: DeskMessage, desk: Desk): unknown[] {
  const body: JsonObject = Object.fromEntries(
    Object.entries(message.body).filter(([key]) => !ABOUT.has(key)),
  );
  return contents(body).map((piece) => content(piece, contextOf(desk)));
}

/** The files that the visitor has sent. */
function filesView({ body }: DeskMessage, desk: Desk): unknown[] {
  const context = contextOf(desk);
  return list(body["attachments"]).map((file) => {
    const name = text(file["name"]);
    // The server sends a path below its root, which can be below the path of a proxy.
    const url = text(file["url"]).replace(/^\/+/, "");
    if (url === "") return html`<div class="bubble" dir="auto">${name}</div>`;
    const isImage = text(file["mime"]).startsWith("image/");
    return content(
      isImage ? { kind: "image", src: url, alt: name } : { kind: "file", url, name, text: "" },
      context,
    );
  });
}

function contextOf({ api }: Desk): ContentContext {
  return {
    words: en,
    base: new URL("../../../", api.base).href, // the server
    target: "_blank",
    locale: document.documentElement.lang || "en",
    choice: { open: false, chosen: null },
    choose: () => undefined,
    renderers: new Map(),
  };
}

function eventText({ body, operator }: DeskMessage, { words }: Desk): string {
  const name = operator?.name ?? words.bot;
  switch (body["event"]) {
    case "handoff_requested":
      return typeof body["reason"] === "string"
        ? `${words.event_requested}: ${body["reason"]}`
        : words.event_requested;
    case "operator_joined":
      return fill(words.event_joined, name);
    case "operator_left": {
      if (operator === null) return words.event_timeout;
      if (body["closed"] === true) return fill(words.event_closed, name);
      const to = body["to"] as JsonObject | undefined;
      if (to?.["kind"] === "queue") return fill(words.event_left_queue, name);
      if (to?.["kind"] === "operator") return fill(words.event_left_operator, name);
      return fill(words.event_left_bot, name);
    }
    case "labelled": {
      const named = (key: string, sign: string): string[] =>
        Array.isArray(body[key]) ? body[key].map((label) => `${sign}${String(label)}`) : [];
      return `${words.event_labelled}: ${[...named("add", "+"), ...named("remove", "−")].join(" ")}`;
    }
    case "rated": {
      const comment = typeof body["comment"] === "string" ? ` “${body["comment"]}”` : "";
      return fill(words.event_rated, String(body["score"])) + comment;
    }
    default:
      return String(body["event"] ?? "");
  }
}

function pendingView(item: Extract<Item, { kind: "pending" }>, desk: Desk): TemplateResult {
  const { words, outbox } = desk;
  const { entry } = item;
  return html`<article class="said ours starts ${entry.state}" data-key=${item.key}>
    <div class="bubble agents" dir="auto">${item.text}</div>
    ${
      entry.state === "failed"
        ? html`<footer class="state failed">
            <span>${words.not_sent}: <bdi>${entry.error ?? ""}</bdi></span>
            <button type="button" class="quiet" @click=${() => outbox.retry(entry.id)}>${words.retry}</button>
            <button type="button" class="quiet" @click=${() => desk.edit(entry)}>${words.edit}</button>
            <button type="button" class="quiet" @click=${() => outbox.discard(entry.id)}>
              ${words.discard}
            </button>
          </footer>`
        : html`<footer class="state">
            ${
              entry.state === "sent"
                ? html`<span class="tick" role="img" aria-label=${words.sent}>${checkIcon()}</span>`
                : html`<span class="waiting" role="img" aria-label=${words.sending}
                    ><i></i><i></i><i></i
                  ></span>`
            }
          </footer>`
    }
  </article>`;
}

function typingView(sentence: string): TemplateResult {
  return html`<div class="typing"><span class="sr">${sentence}</span><i></i><i></i><i></i></div>`;
}

// -- the reply ------------------------------------------------------------------------------------------------

function replyView(opened: Opened, desk: Desk, now: number): TemplateResult {
  const { words, state } = desk;
  const { sender_id, handler, operator } = opened.head;
  if (!mayHandle(state)) return html`<p class="reply small">${words.read_only}</p>`;
  const isOthers = desk.isOthers();
  const draft = desk.draft(sender_id);
  const found = isOthers ? [] : matching(desk.canned, draft);
  const pressed = (event: KeyboardEvent): void => {
    // While an input method is composing, Enter selects a character.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    desk.say();
  };
  return html`<form
    class="reply"
    @submit=${(event: Event) => {
      event.preventDefault();
      desk.say();
    }}
  >
    <div class="warning" role="status">
      ${warningOf(opened, desk, now).map((warning) => html`<p><bdi>${warning}</bdi></p>`)}
    </div>
    ${
      found.length === 0
        ? nothing
        : html`<ul class="canned" aria-label=${words.canned}>
            ${found.map(
              (reply, index) =>
                html`<li>
                  <button
                    type="button"
                    class=${index === 0 ? "first" : ""}
                    @click=${() => desk.useCanned(reply)}
                  >
                    <code>/${reply.key}</code><span dir="auto">${reply.text}</span>
                  </button>
                </li>`,
            )}
          </ul>`
    }
    ${
      draft.startsWith("/") && desk.canned.length === 0
        ? html`<p class="small">${words.canned_none}</p>`
        : nothing
    }
    <div class="field ${isOthers ? "off" : ""}">
      <textarea
        id="reply"
        rows="1"
        dir="auto"
        enterkeyhint="send"
        autocomplete="off"
        aria-label=${words.reply}
        placeholder=${
          isOthers
            ? fill(words.with_other, operator?.name ?? "")
            : handler === "human"
              ? words.reply
              : words.reply_takes
        }
        ?readonly=${isOthers}
        .value=${draft}
        @input=${(event: Event) => desk.write((event.target as HTMLTextAreaElement).value)}
        @keydown=${pressed}
      ></textarea>
      <button
        type="submit"
        class="send"
        aria-label=${words.send}
        ?disabled=${draft.trim() === "" || isOthers}
      >
        ${sendIcon()}
      </button>
    </div>
    ${
      draft.trim() !== "" && !draft.startsWith("/") && !isOthers
        ? html`<p class="small">
            <button type="button" class="quiet" @click=${() => desk.ask("canned")}>
              ${words.canned_save}
            </button>
          </p>`
        : nothing
    }
  </form>`;
}

/** What the operator should know before they reply: who else types here or has the conversation open. */
function warningOf(opened: Opened, { state, words }: Desk, now: number): string[] {
  const { sender_id } = opened.head;
  const { operators } = typists(state, sender_id, now);
  if (operators.length > 0) return operators.map(({ name }) => fill(words.collision, name));
  return viewers(state, sender_id).map(({ name }) => fill(words.viewing, name));
}

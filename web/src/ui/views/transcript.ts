/**
 * The conversation: dividers, messages of the assistant and the visitor, and messages being sent.
 *
 * Called by `panel.ts`. Draws an item again only if a value on which it depends has changed.
 */

import { html, nothing, type TemplateResult } from "lit-html";
import { guard } from "lit-html/directives/guard.js";
import { repeat } from "lit-html/directives/repeat.js";

import type { Notice } from "../../client/events";
import type { Content } from "../../state/content";
import { safeSource } from "../../state/links";
import type { Item, Said } from "../../state/transcript";
import { face } from "./face";
import { checkIcon, thumbIcon } from "./icons";
import { fill } from "../i18n";
import { reasonText } from "../notices";
import { attachmentsView } from "./attachments";
import { content, type ContentContext } from "./content";
import type { Look } from "./look";

export interface TranscriptContext {
  readonly look: Look;
  readonly now: Date;
  readonly troubles: Readonly<Record<string, Notice>>;
  /** Key of the visitor's newest message, which shows its delivery state. */
  readonly newest: string | null;
  /** Keys of new messages, which are animated. */
  readonly arriving: ReadonlySet<string>;
  /** Return the visitor's rating of a message; undefined if messages cannot be rated. */
  readonly rated?: ((seq: number) => "up" | "down" | null) | undefined;
  /** Whether the newest reply is not complete yet. */
  readonly typing: boolean;
}

export function transcriptView(items: readonly Item[], context: TranscriptContext): unknown {
  return repeat(
    items,
    (item) => item.key,
    (item) => guard(dependencies(item, context), () => itemView(item, context)),
  );
}

/** Return all values that the drawing of an item depends on. */
function dependencies(item: Item, context: TranscriptContext): unknown[] {
  const { look, troubles, newest, now } = context;
  switch (item.kind) {
    case "day":
      return [look, now.toDateString()];
    case "divider":
    case "new":
      return [look];
    case "person":
      return [look, item.name];
    case "bot":
      return [
        look,
        item.message,
        countPieces(item.contents),
        item.starts,
        thumbOf(item, context),
        item.choice.open,
        item.choice.chosen,
        item.choice.title,
      ];
    case "user":
      return [look, item.message, item.starts, item.key === newest, troubles[item.key]];
    case "pending":
      return [look, item.entry, item.starts];
  }
}

/** Include the number of pieces, because cards of a reply arrive one by one and join an item that is already drawn. */
function countPieces(contents: readonly Content[]): number {
  return contents.reduce((sum, piece) => sum + (piece.kind === "cards" ? piece.cards.length : 1), 0);
}

function itemView(item: Item, context: TranscriptContext): TemplateResult {
  const { look } = context;
  const state = `${"starts" in item && item.starts ? "starts" : ""} ${context.arriving.has(item.key) ? "arriving" : ""}`;
  switch (item.kind) {
    case "day":
      return html`<div class="divider" part="divider">
        <span>${dayName(item.timestamp, context.now, look)}</span>
      </div>`;
    case "divider":
      return html`<div class="divider rubric" part="divider">
        <span>${item.reason === "restart" ? look.words.restarted : look.words.resumed}</span>
      </div>`;
    case "new":
      return html`<div class="divider fresh" part="divider"><span>${look.words.new_messages}</span></div>`;
    case "person":
      return html`<div class="divider" part="divider">
        <span><bdi>${fill(item.joined ? look.words.joined : look.words.left, item.name)}</bdi></span>
      </div>`;
    case "bot": {
      const { message } = item;
      const name = message.role === "agent" ? message.operator.name : look.name;
      const drawing: ContentContext = { ...look, choice: item.choice };
      return html`<article class="bot ${state}" part="message ${message.role}" data-key=${item.key}>
        ${
          item.starts
            ? html`<header>
                ${avatar(message, look)}<span class="name"><bdi>${name}</bdi></span
                >${time(message.timestamp, look)}
              </header>`
            : html`<span class="sr">${fill(look.words.said, name)}</span>`
        }
        ${item.contents.map((piece) => content(piece, drawing))} ${thumbs(item, context)}
      </article>`;
    }
    case "user":
      return html`<article class="user ${state}" part="message user" data-key=${item.key}>
        <span class="sr">${fill(look.words.said, look.words.you)}</span>
        ${bubble(item.text)} ${attachmentsView(item.message.attachments ?? [], item.message.seq, look)}
        ${
          item.key === context.newest
            ? html`<footer class="state sent">${time(item.timestamp, look)}${tick(look)}</footer>`
            : nothing
        }
        ${trouble(context.troubles[item.key], look)}
      </article>`;
    case "pending":
      return pending(item, state, look);
  }
}

/** Return the rating to show below a message, or undefined for none: only below the last message of a reply of the bot. */
function thumbOf(
  item: Extract<Item, { kind: "bot" }>,
  { rated, typing }: TranscriptContext,
): "up" | "down" | null | undefined {
  if (rated === undefined || !item.ends || item.message.role !== "bot") return undefined;
  return typing && item.choice.open ? undefined : rated(item.message.seq);
}

/** The buttons with which the visitor rates a reply. */
function thumbs(
  item: Extract<Item, { kind: "bot" }>,
  context: TranscriptContext,
): TemplateResult | typeof nothing {
  const given = thumbOf(item, context);
  if (given === undefined) return nothing;
  const { words, rate } = context.look;
  const thumb = (kind: "up" | "down", label: string): TemplateResult =>
    html`<button
      type="button"
      class="icon ${kind}"
      aria-label=${label}
      title=${label}
      aria-pressed=${given === kind}
      @click=${() => rate(item.message.seq, kind === "up")}
    >
      ${thumbIcon()}
    </button>`;
  return html`<div
    class="thumbs ${given === null && !item.choice.open ? "older" : ""}"
    part="thumbs"
    role="group"
    aria-label=${words.rate_reply}
  >
    ${thumb("up", words.helpful)} ${thumb("down", words.unhelpful)}
  </div>`;
}

/** The image of the assistant or the operator. */
function avatar(message: Said, look: Look): TemplateResult {
  const isAgent = message.role === "agent";
  const src = isAgent ? safeSource(message.operator.avatar ?? "", look.base) : look.avatar;
  return html`<span class="avatar ${isAgent ? "person" : ""}" part="avatar"
    >${face(src, isAgent ? message.operator.name : look.name)}</span
  >`;
}

/** Draw the visitor's text. A message can consist of files only. */
function bubble(text: string): TemplateResult | typeof nothing {
  return text === "" ? nothing : html`<div class="bubble" part="bubble" dir="auto">${text}</div>`;
}

/** Codes of errors after which the same message is rejected again. */
const FINAL = new Set(["too_long", "unknown_file", "files_off", "too_many_files"]);

function pending(item: Extract<Item, { kind: "pending" }>, state: string, look: Look): TemplateResult {
  const { entry } = item;
  const { words } = look;
  const reason = reasonText(entry.error, words);
  return html`<article class="user ${entry.state} ${state}" part="message user" data-key=${item.key}>
    <span class="sr">${fill(words.said, words.you)}</span>
    ${bubble(item.text)} ${attachmentsView(entry.attachments ?? [], 0, look)}
    ${
      entry.state === "failed"
        ? html`<footer class="state failed">
            <span
              >${words.failed}${reason === "" ? nothing : html`<span class="reason">: ${reason}</span>`}</span
            >
            ${
              // The same message would be rejected again.
              FINAL.has(entry.error?.code ?? "")
                ? item.text === ""
                  ? nothing
                  : html`<button
                      type="button"
                      class="quiet"
                      @click=${() => look.edit(entry.message_id, item.text)}
                    >
                      ${words.edit}
                    </button>`
                : html`<button type="button" class="quiet" @click=${() => look.retry(entry.message_id)}>
                    ${words.retry}
                  </button>`
            }
            <button type="button" class="quiet" @click=${() => look.discard(entry.message_id)}>
              ${words.discard}
            </button>
          </footer>`
        : html`<footer class="state ${entry.state}">
            ${
              entry.state === "sent"
                ? tick(look)
                : html`<span class="waiting" role="img" aria-label=${words.sending}
                    ><i></i><i></i><i></i
                  ></span>`
            }
          </footer>`
    }
  </article>`;
}

/** The mark of a delivered message, which the server has stored. */
function tick(look: Look): TemplateResult {
  return html`<span class="tick" role="img" aria-label=${look.words.sent} title=${look.words.sent}
    >${checkIcon()}</span
  >`;
}

function trouble(notice: Notice | undefined, look: Look): TemplateResult | typeof nothing {
  if (notice === undefined) return nothing;
  return html`<p class="trouble">${look.words.action_failed}</p>`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Return a cached format, because creating a format is expensive. */
function format(locale: string, kind: "time" | "day" | "full"): Intl.DateTimeFormat {
  const key = `${locale} ${kind}`;
  let found = formats.get(key);
  if (found === undefined) {
    const options: Intl.DateTimeFormatOptions =
      kind === "time"
        ? { timeStyle: "short" }
        : kind === "day"
          ? { weekday: "long", day: "numeric", month: "long" }
          : { dateStyle: "full", timeStyle: "short" };
    formats.set(key, (found = new Intl.DateTimeFormat(locale, options)));
  }
  return found;
}

function time(timestamp: number, { locale }: Look): TemplateResult | typeof nothing {
  if (timestamp <= 0) return nothing;
  const at = new Date(timestamp * 1000);
  return html`<time datetime=${at.toISOString()} title=${format(locale, "full").format(at)}
    >${format(locale, "time").format(at)}</time
  >`;
}

function dayName(timestamp: number, now: Date, { words, locale }: Look): string {
  const at = new Date(timestamp * 1000);
  const midnight = (date: Date): number => new Date(date).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(now) - midnight(at)) / 86_400_000);
  if (days === 0) return words.today;
  if (days === 1) return words.yesterday;
  return format(locale, "day").format(at);
}

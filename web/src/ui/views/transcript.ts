/** The conversation itself: dividers, the assistant's messages, the visitor's, and what is on its way. */

import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";

import type { Notice } from "../../client/events";
import type { Item } from "../../state/transcript";
import { mark } from "../icons";
import { fill } from "../i18n";
import { content, type ContentContext } from "./content";

export interface TranscriptContext extends Omit<ContentContext, "choice"> {
  /** The assistant's name. */
  name: string;
  /** Address of a picture; null for the mark. */
  avatar: string | null;
  language: string;
  now: Date;
  troubles: Readonly<Record<string, Notice>>;
  /** Key of the visitor's newest message, whose state is shown. */
  newest: string | null;
  retry(message_id: string): void;
  discard(message_id: string): void;
}

export function transcriptView(items: readonly Item[], context: TranscriptContext): unknown {
  return repeat(
    items,
    (item) => item.key,
    (item) => itemView(item, context),
  );
}

function itemView(item: Item, context: TranscriptContext): TemplateResult {
  switch (item.kind) {
    case "day":
      return html`<div class="divider" part="divider"><span>${dayName(item.timestamp, context)}</span></div>`;
    case "divider":
      return html`<div class="divider rubric" part="divider">
        <span>${item.reason === "restart" ? context.words.restarted : context.words.resumed}</span>
      </div>`;
    case "bot":
      return html`<article class="bot ${item.starts ? "starts" : ""}" part="message bot" data-key=${item.key}>
        ${
          item.starts
            ? html`<header>
                <span class="avatar" part="avatar"
                  >${context.avatar === null ? mark() : html`<img src=${context.avatar} alt="" />`}</span
                ><span class="name">${context.name}</span>${time(item.message.timestamp, context)}
              </header>`
            : html`<span class="sr">${fill(context.words.said, context.name)}</span>`
        }
        ${item.contents.map((piece) => content(piece, { ...context, choice: item.choice }))}
      </article>`;
    case "user":
      return html`<article
        class="user ${item.starts ? "starts" : ""}"
        part="message user"
        data-key=${item.key}
      >
        <span class="sr">${fill(context.words.said, context.words.you)}</span>
        <div class="bubble" part="bubble" dir="auto">${item.text}</div>
        ${
          item.key === context.newest
            ? html`<footer class="state sent">
                ${time(item.timestamp, context)}<span class="stet" role="img" aria-label=${context.words.sent}
                  ><i></i><i></i><i></i
                ></span>
              </footer>`
            : nothing
        }
        ${trouble(item.key, context)}
      </article>`;
    case "pending":
      return pending(item, context);
  }
}

function pending(item: Extract<Item, { kind: "pending" }>, context: TranscriptContext): TemplateResult {
  const { entry } = item;
  const { words } = context;
  return html`<article
    class="user ${entry.state} ${item.starts ? "starts" : ""}"
    part="message user"
    data-key=${item.key}
  >
    <span class="sr">${fill(words.said, words.you)}</span>
    <div class="bubble" part="bubble" dir="auto">${item.text}</div>
    ${
      entry.state === "failed"
        ? html`<footer class="state failed">
            <span
              >${words.failed}${entry.error === undefined ? nothing : html`<span class="reason">: ${entry.error.message}</span>`}</span
            >
            <button type="button" class="quiet" @click=${() => context.retry(entry.message_id)}>
              ${words.retry}
            </button>
            <button type="button" class="quiet" @click=${() => context.discard(entry.message_id)}>
              ${words.discard}
            </button>
          </footer>`
        : html`<footer class="state ${entry.state}">
            <span class="stet" role="img" aria-label=${entry.state === "sent" ? words.sent : words.sending}
              ><i></i><i></i><i></i
            ></span>
          </footer>`
    }
  </article>`;
}

function trouble(message_id: string, context: TranscriptContext): TemplateResult | typeof nothing {
  const notice = context.troubles[message_id];
  if (notice === undefined) return nothing;
  return html`<p class="trouble">${notice.message === "" ? context.words.action_failed : notice.message}</p>`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Making a format costs more than using it a hundred times. */
function format(language: string, kind: "time" | "day" | "full"): Intl.DateTimeFormat {
  const key = `${language} ${kind}`;
  let found = formats.get(key);
  if (found === undefined) {
    const options: Intl.DateTimeFormatOptions =
      kind === "time"
        ? { hour: "numeric", minute: "2-digit" }
        : kind === "day"
          ? { weekday: "long", day: "numeric", month: "long" }
          : { dateStyle: "full", timeStyle: "short" };
    formats.set(key, (found = new Intl.DateTimeFormat(language, options)));
  }
  return found;
}

function time(timestamp: number, context: TranscriptContext): TemplateResult | typeof nothing {
  if (timestamp <= 0) return nothing;
  const at = new Date(timestamp * 1000);
  return html`<time datetime=${at.toISOString()} title=${format(context.language, "full").format(at)}
    >${format(context.language, "time").format(at)}</time
  >`;
}

function dayName(timestamp: number, context: TranscriptContext): string {
  const at = new Date(timestamp * 1000);
  const midnight = (date: Date): number => new Date(date).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(context.now) - midnight(at)) / 86_400_000);
  if (days === 0) return context.words.today;
  if (days === 1) return context.words.yesterday;
  return format(context.language, "day").format(at);
}

/** The tab *Inbox*: the list, the open conversation, and its context. Called by `frame.ts`. Pure. */

import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";

import { fill } from "../../ui/i18n";
import type { Desk } from "../desk";
import { openedOf, rowsOf, VIEWS, type View } from "../state";
import { ago, duration } from "../times";
import type { Row } from "../wire";
import { contextView } from "./context";
import { conversationView } from "./conversation";
import { emptyView, nameOf } from "./pieces";

export function inboxView(desk: Desk, now: number): TemplateResult {
  const { state, words } = desk;
  const opened = openedOf(state);
  return html`<div
    class="inbox"
    data-open=${state.selected === null ? nothing : ""}
    data-details=${desk.detailsOpen ? "" : nothing}
  >
    ${listView(desk, now)}
    ${
      opened === null
        ? html`<section class="talk" aria-label=${words.conversation}>
            ${state.selected === null ? emptyView(words.choose, words.choose_note) : emptyView(words.loading, "")}
          </section>`
        : html`${conversationView(opened, desk, now)}${contextView(opened, desk, now)}`
    }
  </div>`;
}

function listView(desk: Desk, now: number): TemplateResult {
  const { state, words } = desk;
  const rows = rowsOf(state);
  return html`<section class="list" aria-label=${words.conversations}>
    <div class="pills" role="group" aria-label=${words.show}>
      ${VIEWS.map(
        (view) =>
          html`<button
            type="button"
            class="pill"
            aria-pressed=${state.view === view}
            @click=${() => desk.show(view)}
          >
            ${words[`view_${view}`]}${countView(desk, view)}
          </button>`,
      )}
    </div>
    <div class="rows" aria-busy=${state.loading === "loading"}>
      ${
        rows.length > 0
          ? html`<ul>
              ${repeat(
                rows,
                (row) => row.sender_id,
                (row) => rowView(row, desk, now),
              )}
            </ul>`
          : noneView(desk)
      }
      ${
        state.next !== null && state.loading !== "loading"
          ? html`<button type="button" class="quiet more" @click=${() => void desk.loadList(state.next)}>
              ${words.more}
            </button>`
          : nothing
      }
      ${
        rows.length > 0 && state.loading === "failed"
          ? html`<p class="small">
              ${words.failed_load}
              <button type="button" class="quiet" @click=${() => void desk.loadList()}>${words.retry}</button>
            </p>`
          : nothing
      }
    </div>
  </section>`;
}

/** The number of conversations that wait, or of mine with unread messages. */
function countView({ state }: Desk, view: View): TemplateResult | typeof nothing {
  if (view !== "waiting" && view !== "mine") return nothing;
  const rows = rowsOf(state, view);
  const count = view === "waiting" ? rows.length : rows.filter(({ unread }) => unread > 0).length;
  return count === 0 ? nothing : html` <span class="count">${count}</span>`;
}

function noneView(desk: Desk): TemplateResult {
  const { state, words } = desk;
  if (state.loading === "failed")
    return emptyView(
      words.failed_load,
      "",
      html`<button type="button" class="quiet" @click=${() => void desk.loadList()}>${words.retry}</button>`,
    );
  if (state.loading === "loading") return emptyView(words.loading, "");
  if (state.view === "waiting") return emptyView(words.none_waiting, words.none_waiting_note);
  if (state.view === "mine") return emptyView(words.none_mine, words.none_mine_note);
  return emptyView(words.none, "");
}

function rowView(row: Row, desk: Desk, now: number): TemplateResult {
  const { state, words, localization } = desk;
  const isOpen = row.sender_id === state.selected;
  const isMine = row.operator === null || row.operator.id === state.me?.operator.id;
  const speaker = { bot: words.bot, agent: isMine ? words.you : row.operator?.name }[row.last.role];
  return html`<li>
    <button
      type="button"
      class="row ${row.unread > 0 ? "unread" : ""}"
      aria-current=${isOpen ? "true" : nothing}
      @click=${() => desk.select(row.sender_id)}
    >
      <span class="line"
        ><b><bdi>${nameOf(row.sender_id, words)}</bdi></b
        >${
          row.handler === "queue" && row.waiting_since !== null
            ? html`<span class="waits"
                >${fill(words.waiting_for, duration(now / 1000 - row.waiting_since, words))}</span
              >`
            : html`<time>${ago(row.last.timestamp, now, localization)}</time>`
        }</span
      >
      <span class="line"
        ><span class="preview" dir="auto"
          >${speaker === undefined ? nothing : html`<span class="who">${speaker}: </span>`}${row.last.text || row.preview}</span
        >${
          row.unread > 0
            ? html`<span class="count" aria-hidden="true">${row.unread}</span
                ><span class="sr">${fill(words.unread, row.unread)}</span>`
            : nothing
        }</span
      >
      ${chipsView(row, desk)}
    </button>
  </li>`;
}

function chipsView(row: Row, { state, words }: Desk): TemplateResult | typeof nothing {
  const isMine = row.operator !== null && row.operator.id === state.me?.operator.id;
  const chips = [
    ...(row.operator === null ? [] : [isMine ? words.you : row.operator.name]),
    ...(row.channel === "" ? [] : [row.channel]),
    ...(row.fallback_rate >= 0.2 ? [fill(words.fallbacks, `${Math.round(row.fallback_rate * 100)} %`)] : []),
  ];
  if (chips.length + row.labels.length === 0) return nothing;
  return html`<span class="chips"
    >${chips.map((chip) => html`<span class="chip"><bdi>${chip}</bdi></span>`)}${row.labels.map(
      (label) => html`<span class="chip label"><bdi>${label}</bdi></span>`,
    )}</span
  >`;
}

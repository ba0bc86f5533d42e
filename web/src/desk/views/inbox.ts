/** The tab *Inbox*: the list, the open conversation, and its context. Called by `frame.ts`. Pure. */

import { html, nothing, type TemplateResult } from "lit-html";
import { keyed } from "lit-html/directives/keyed.js";
import { repeat } from "lit-html/directives/repeat.js";

import { fill } from "../../ui/i18n";
import type { Desk } from "../desk";
import { listedOf, NO_FILTER, openedOf, rowsOf, VIEWS, type Filter, type View } from "../state";
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
        : html`${conversationView(opened, desk, now)}
          ${
            // The fields for a note and a label must not keep their text when another conversation is opened.
            keyed(opened.head.sender_id, contextView(opened, desk, now))
          }`
    }
  </div>`;
}

function listView(desk: Desk, now: number): TemplateResult {
  const { state, words } = desk;
  const rows = listedOf(state);
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
    ${filterView(desk)}
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

/** The fields that restrict the list. They are closed until the operator opens them. */
function filterView(desk: Desk): TemplateResult {
  const { state, words } = desk;
  const { filter } = state;
  const rows = Object.values(state.rows);
  const known = {
    label: [...new Set(rows.flatMap(({ labels }) => labels))].sort(),
    channel: [...new Set(rows.map(({ channel }) => channel))].filter(Boolean).sort(),
  };
  const field = (name: keyof Filter, type: string, choices: readonly string[] = []): TemplateResult =>
    html`<label
      ><span>${words[`filter_${name}`]}</span
      ><input
        type=${type}
        .value=${filter[name]}
        list=${choices.length === 0 ? nothing : `filter-${name}`}
        maxlength=${type === "text" ? 255 : nothing}
        autocomplete="off"
        @change=${({ target }: { target: HTMLInputElement }) => desk.filter({ [name]: target.value.trim() })}
      />${
        choices.length === 0
          ? nothing
          : html`<datalist id="filter-${name}">
              ${choices.map((choice) => html`<option value=${choice}></option>`)}
            </datalist>`
      }</label
    >`;
  const people = state.me === null ? desk.handlers : [state.me.operator, ...desk.handlers];
  const count = Object.values(filter).filter(Boolean).length;
  return html`<details class="filters" @toggle=${() => void desk.loadHandlers()}>
    <summary>${words.filter}${count === 0 ? nothing : html` <span class="count">${count}</span>`}</summary>
    <div class="fields">
      ${field("label", "text", known.label)}${field("channel", "text", known.channel)}
      <label
        ><span>${words.filter_operator}</span
        ><select
          aria-label=${words.filter_operator}
          @change=${({ target }: { target: HTMLSelectElement }) => desk.filter({ operator: target.value })}
        >
          <option value="" ?selected=${filter.operator === ""}>${words.filter_any}</option>
          ${people.map(
            ({ id, name }) => html`<option value=${id} ?selected=${filter.operator === id}>${name}</option>`,
          )}
        </select></label
      >
      ${field("from", "date")}${field("to", "date")}
      <button type="button" class="quiet" ?disabled=${count === 0} @click=${() => desk.filter(NO_FILTER)}>
        ${words.filter_clear}
      </button>
    </div>
  </details>`;
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
  if (Object.values(state.filter).some(Boolean)) return emptyView(words.none_filtered, "");
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

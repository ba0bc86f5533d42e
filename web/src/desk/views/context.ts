/** The context of the open conversation: form, slots, labels, notes, other conversations. Called by `inbox.ts`. Pure. */

import { html, nothing, type TemplateResult } from "lit-html";

import { fill } from "../../ui/i18n";
import { closeIcon } from "../../ui/views/icons";
import type { Desk } from "../desk";
import { mayHandle, type Opened } from "../state";
import { ago } from "../times";
import type { Json } from "../wire";
import { nameOf, valueOf } from "./pieces";

export function contextView(opened: Opened, desk: Desk, now: number): TemplateResult {
  const { words } = desk;
  const { sender_id, handler } = opened.head;
  const may = mayHandle(desk.state);
  return html`<aside class="context" aria-label=${words.details}>
    <button
      type="button"
      class="icon close-details"
      aria-label=${words.close}
      @click=${() => desk.toggleDetails()}
    >
      ${closeIcon()}
    </button>
    <section>
      <dl class="facts">
        <div>
          <dt>${words.visitor_id}</dt>
          <dd><code>${sender_id}</code></dd>
        </div>
        ${
          opened.channel === ""
            ? nothing
            : html`<div>
                <dt>${words.channel}</dt>
                <dd>${opened.channel}</dd>
              </div>`
        }
      </dl>
      ${
        may
          ? html`<p class="tools">
              ${handler === "bot" ? html`<button type="button" class="quiet" @click=${() => desk.act("request_handoff")}>${words.request}</button>` : nothing}
              ${
                handler === "human" && !desk.isOthers()
                  ? html`<button type="button" class="quiet" @click=${() => desk.act("release")}>
                      ${words.release}
                    </button>`
                  : nothing
              }
              <button type="button" class="quiet" @click=${() => desk.ask("assign")}>${words.assign}</button>
              <button type="button" class="quiet" @click=${() => desk.ask("close")}>
                ${words.close_conversation}
              </button>
              <button type="button" class="quiet" @click=${() => void desk.copyTest()}>${words.test}</button>
            </p>`
          : nothing
      }
    </section>
    ${formView(opened, desk)} ${labelsView(opened, desk, may)} ${notesView(opened, desk, may)}
    ${
      opened.earlier.length === 0
        ? nothing
        : html`<section>
            <h3>${words.earlier}</h3>
            <ul class="others">
              ${opened.earlier.map(
                ({ sender_id: id, preview, updated }) =>
                  html`<li>
                    <button type="button" @click=${() => desk.select(id)}>
                      <span class="preview" dir="auto">${preview || nameOf(id, words)}</span
                      ><time>${ago(updated, now, desk.localization)}</time>
                    </button>
                  </li>`,
              )}
            </ul>
          </section>`
    }
  </aside>`;
}

function formView({ active_loop, slots }: Opened, { words }: Desk): TemplateResult {
  const known = Object.entries(slots).filter(([name, value]) => name !== "requested_slot" && value !== null);
  return html`<section>
      <h3>${words.form}</h3>
      ${
        active_loop === null
          ? html`<p class="small">${words.form_none}</p>`
          : html`<p><code>${active_loop.name}</code></p>
              ${active_loop.requested_slot === null ? nothing : html`<p class="small">${fill(words.asking, active_loop.requested_slot)}</p>`}`
      }
    </section>
    <section>
      <h3>${words.slots}</h3>
      ${
        known.length === 0
          ? html`<p class="small">${words.slots_none}</p>`
          : html`<dl class="facts">
              ${known.map(
                ([name, value]) =>
                  html`<div>
                    <dt>${name}</dt>
                    <dd dir="auto">${shown(value)}</dd>
                  </div>`,
              )}
            </dl>`
      }
    </section>`;
}

function shown(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function labelsView({ labels }: Opened, desk: Desk, may: boolean): TemplateResult {
  const { words } = desk;
  const known = [...new Set(Object.values(desk.state.rows).flatMap((row) => row.labels))].sort();
  const add = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const label = valueOf(new FormData(form), "label");
    if (label !== "" && !labels.includes(label)) desk.label([label], []);
    form.reset();
  };
  return html`<section>
    <h3>${words.labels}</h3>
    ${labels.length === 0 && !may ? html`<p class="small">${words.labels_none}</p>` : nothing}
    ${
      labels.length === 0
        ? nothing
        : html`<p class="chips">
            ${labels.map(
              (label) =>
                html`<span class="chip label"
                  ><bdi>${label}</bdi>${
                    may
                      ? html`<button
                          type="button"
                          aria-label=${fill(words.label_remove, label)}
                          @click=${() => desk.label([], [label])}
                        >
                          ${closeIcon()}
                        </button>`
                      : nothing
                  }</span
                >`,
            )}
          </p>`
    }
    ${
      may
        ? html`<form class="add" @submit=${add}>
            <input
              name="label"
              dir="auto"
              maxlength="64"
              list="labels"
              autocomplete="off"
              aria-label=${words.label_add}
              placeholder=${words.label_add}
            />
            <datalist id="labels">${known.map((label) => html`<option value=${label}></option>`)}</datalist>
            <button type="submit" class="quiet">${words.add}</button>
          </form>`
        : nothing
    }
  </section>`;
}

function notesView({ messages }: Opened, desk: Desk, may: boolean): TemplateResult {
  const { words } = desk;
  const notes = messages.filter(({ role }) => role === "note");
  const add = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    desk.note(valueOf(new FormData(form), "note"));
    form.reset();
  };
  return html`<section>
    <h3>${words.notes}</h3>
    ${notes.map(
      ({ text, operator }) =>
        html`<div class="remark">
          <header><bdi>${operator?.name ?? ""}</bdi></header>
          <p dir="auto">${text}</p>
        </div>`,
    )}
    ${
      may
        ? html`<form class="add" @submit=${add}>
            <textarea
              name="note"
              rows="2"
              dir="auto"
              required
              aria-label=${words.note_add}
              placeholder=${words.note_add}
            ></textarea>
            <button type="submit" class="quiet">${words.add}</button>
          </form>`
        : nothing
    }
    <p class="small">${words.notes_hint}</p>
  </section>`;
}

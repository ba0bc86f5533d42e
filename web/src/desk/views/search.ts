/** The tab *Search*. Called by `frame.ts`. Pure. */

import { html, nothing, type TemplateResult } from "lit-html";

import { fill } from "../../ui/i18n";
import type { Desk } from "../desk";
import { marked } from "../search";
import { ago } from "../times";
import type { Hit } from "../wire";
import { emptyView, nameOf } from "./pieces";

export function searchView(desk: Desk, now: number): TemplateResult {
  const { words, search } = desk;
  return html`<section class="sheet" aria-label=${words.search}>
    <form
      class="query"
      role="search"
      @submit=${(event: Event) => {
        event.preventDefault();
        void search.run();
      }}
    >
      <input
        id="query"
        type="search"
        dir="auto"
        autocomplete="off"
        aria-label=${words.search_field}
        placeholder=${words.search_field}
        .value=${search.query}
        @input=${(event: Event) => search.write((event.target as HTMLInputElement).value)}
      />
    </form>
    <p class="small" role="status">
      ${
        search.state === "ready" && search.hits.length > 0
          ? fill(words.search_count, search.hits.length)
          : search.state === "loading"
            ? words.loading
            : ""
      }
    </p>
    ${search.state === "idle" ? emptyView(words.search_hint, "") : nothing}
    ${search.state === "failed" ? emptyView(words.failed_load, "") : nothing}
    ${search.state === "ready" && search.hits.length === 0 ? emptyView(fill(words.search_none, search.query.trim()), "") : nothing}
    ${
      search.hits.length > 0 && (search.state === "ready" || search.state === "loading")
        ? html`<ol class="hits">
            ${search.hits.map((hit) => hitView(hit, desk, now))}
          </ol>`
        : nothing
    }
  </section>`;
}

function hitView(hit: Hit, desk: Desk, now: number): TemplateResult {
  const { words, search } = desk;
  const who = { bot: words.bot, note: words.note, agent: words.agent }[hit.role] ?? hit.role;
  return html`<li>
    <button type="button" class="hit" @click=${() => desk.select(hit.sender_id)}>
      <span class="line"
        ><b><bdi>${nameOf(hit.sender_id, words)}</bdi></b
        ><time>${ago(hit.timestamp, now, desk.localization)}</time></span
      >
      <span class="snippet" dir="auto"
        >${hit.role === "user" ? nothing : html`<span class="who"><bdi>${who}</bdi>: </span>`}${marked(
          hit.snippet,
          search.query,
        ).map(({ text, hit: isHit }) => (isHit ? html`<mark>${text}</mark>` : text))}</span
      >
    </button>
  </li>`;
}

/** The tab *Review*: one text at a time. Called by `frame.ts`. Pure. */

import { html, nothing, type TemplateResult } from "lit-html";

import { fill } from "../../ui/i18n";
import { checkIcon, closeIcon } from "../../ui/views/icons";
import type { Desk } from "../desk";
import type { Unreviewed } from "../wire";
import { emptyView, valueOf } from "./pieces";

export function reviewView(desk: Desk): TemplateResult {
  const { words, review } = desk;
  const { current } = review;
  return html`<section id="review" class="sheet" tabindex="-1" aria-label=${words.review}>
    <div class="line">
      <p class="small">${words.review_hint}</p>
      <a class="quiet" href="${desk.api.base}review/annotations.yml" download="reviewed.yml"
        >${words.review_export}</a
      >
    </div>
    ${review.error === "" ? nothing : html`<p class="trouble" role="alert">${fill(words.refused, review.error)}</p>`}
    ${current === null ? noneView(desk) : cardView(current, desk)}
    <p class="small" role="status">
      ${review.done > 0 ? fill(words.review_done, review.done) : ""}${
        review.done > 0 && review.messages.length > 0 ? " · " : ""
      }${review.messages.length > 0 ? fill(words.review_of, review.messages.length) : ""}
    </p>
  </section>`;
}

function noneView({ words, review }: Desk): TemplateResult {
  if (review.state === "failed")
    return emptyView(
      words.failed_load,
      "",
      html`<button type="button" class="quiet" @click=${() => void review.load()}>${words.retry}</button>`,
    );
  return review.state === "ready"
    ? emptyView(words.review_none, words.review_none_note)
    : emptyView(words.loading, "");
}

function cardView(message: Unreviewed, desk: Desk): TemplateResult {
  const { words, review } = desk;
  const percent = Math.round(message.confidence * 100);
  const { sender_id } = message;
  return html`<article class="judge">
    <blockquote dir="auto">${message.text}</blockquote>
    <dl>
      <div>
        <dt>${words.review_understood}</dt>
        <dd><code>${message.intent || "–"}</code></dd>
      </div>
      <div>
        <dt>${words.review_confidence}</dt>
        <dd class="meter">
          <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
            <rect class="bar ${percent < 50 ? "low" : ""}" width=${percent} height="10" /></svg
          >${percent} %
        </dd>
      </div>
    </dl>
    <p class="small">
      ${message.count === 1 ? words.review_once : fill(words.review_times, message.count)}
      ${
        sender_id === null
          ? nothing
          : html`<button type="button" class="quiet" @click=${() => desk.select(sender_id)}>
              ${words.review_open}
            </button>`
      }
    </p>
    ${
      review.correcting
        ? html`<form
            class="correct"
            @submit=${(event: SubmitEvent) => {
              event.preventDefault();
              review.correct(valueOf(new FormData(event.target as HTMLFormElement), "intent"));
            }}
          >
            <label for="intent">${words.review_intent}</label>
            <input id="intent" name="intent" list="intents" required autocomplete="off" />
            <datalist id="intents">
              ${review.intents.map((intent) => html`<option value=${intent}></option>`)}
            </datalist>
            <button type="submit" class="solid">${words.save}</button>
            <button type="button" class="quiet" @click=${() => review.choose(false)}>${words.cancel}</button>
          </form>`
        : html`<div class="verdict">
            <button
              type="button"
              class="solid"
              ?disabled=${message.intent === ""}
              @click=${() => review.confirm()}
            >
              ${checkIcon()}${words.review_confirm}<kbd>Enter</kbd>
            </button>
            <button type="button" class="outline" @click=${() => review.choose(true)}>
              ${words.review_correct}<kbd>c</kbd>
            </button>
            <button type="button" class="outline" @click=${() => review.discard()}>
              ${closeIcon()}${words.review_discard}<kbd>x</kbd>
            </button>
          </div>`
    }
  </article>`;
}

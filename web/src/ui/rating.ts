/**
 * Asks the visitor for a rating after an operator has closed the conversation.
 *
 * Owns the chosen score, the comment, and one stored key, so that a reload does not lose the question. Called by
 * `chat.ts` and `panel.ts`. Must not know how a rating is sent.
 */

import { html, nothing, type TemplateResult } from "lit-html";

import type { KeyValueStore } from "../client/ports";
import type { ChatState } from "../state/state";
import type { Words } from "./i18n";
import { starIcon } from "./views/icons";

const SCORES = [1, 2, 3, 4, 5];

export class Rating {
  private score = 0;
  private comment = "";
  private isSending = false;
  private readonly key: string;

  constructor(
    private readonly store: KeyValueStore,
    scope: string,
    /** Send the rating; resolves with whether the server has it. */
    private readonly send: (score: number, comment: string) => Promise<boolean>,
    /** Called when the visitor has answered: `none` for no. */
    private readonly answered: (rating: ChatState["rating"]) => void,
    private readonly changed: () => void,
  ) {
    this.key = `${scope}:rate`;
  }

  /** Ask about a conversation, also after a reload. */
  ask(session_id: string): void {
    this.score = 0;
    this.comment = "";
    this.store.set(this.key, session_id);
  }

  /** Return whether the visitor has not answered yet. */
  isAsked(session_id: string): boolean {
    return this.store.get(this.key) === session_id;
  }

  view(rating: ChatState["rating"], words: Words): TemplateResult | typeof nothing {
    if (rating === "none") return nothing;
    if (rating === "sent") return html`<div class="rate" part="rating"><p>${words.rated}</p></div>`;
    return html`<form
      class="rate"
      part="rating"
      @submit=${(event: Event) => {
        event.preventDefault();
        void this.submit();
      }}
    >
      <fieldset>
        <legend>${words.rate}</legend>
        ${SCORES.map(
          (score) =>
            html`<label class=${score <= this.score ? "on" : ""}
              ><input
                type="radio"
                name="score"
                aria-label="${score}/5"
                .checked=${score === this.score}
                @change=${() => this.choose(score)}
              />${starIcon()}</label
            >`,
        )}
      </fieldset>
      ${
        this.score === 0
          ? nothing
          : html`<div class="field">
              <input
                type="text"
                dir="auto"
                maxlength="4000"
                aria-label=${words.comment}
                placeholder=${words.comment}
                .value=${this.comment}
                @input=${(event: Event) => (this.comment = (event.target as HTMLInputElement).value)}
              />
            </div>`
      }
      <div class="answers">
        <button type="button" class="quiet" @click=${() => this.finish("none")}>${words.dismiss}</button>
        <button type="submit" class="solid" ?disabled=${this.score === 0}>${words.send}</button>
      </div>
    </form>`;
  }

  private choose(score: number): void {
    this.score = score;
    this.changed();
  }

  private async submit(): Promise<void> {
    if (this.score === 0 || this.isSending) return;
    this.isSending = true;
    const isSent = await this.send(this.score, this.comment.trim());
    this.isSending = false;
    if (isSent) this.finish("sent");
  }

  private finish(rating: ChatState["rating"]): void {
    this.store.remove(this.key);
    this.answered(rating);
  }
}

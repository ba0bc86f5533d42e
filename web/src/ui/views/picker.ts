/**
 * A field with which the visitor chooses a date or a time, as the browser draws it.
 *
 * Called by `content.ts`. The message is the chosen value in ISO 8601; the conversation shows it in the visitor's format.
 */

import { html, nothing, type TemplateResult } from "lit-html";

import type { Picker } from "../../state/content";
import { plainText } from "../../state/markdown";
import type { Choice } from "../../state/transcript";
import type { Words } from "../i18n";
import { checkIcon } from "./icons";

export interface PickerContext {
  words: Words;
  locale: string;
  choice: Choice;
  choose(payload: string, title: string): void;
}

export function pickerView(picker: Picker, context: PickerContext): TemplateResult {
  const { choice, words } = context;
  const chosen = choice.open ? null : chosenValue(picker, choice.chosen);
  const submit = (event: Event): void => {
    event.preventDefault();
    const value = new FormData(event.target as HTMLFormElement).get("value") as string;
    context.choose(picker.payload.replaceAll("{}", value), dateTitle(value, context.locale));
  };
  const name = picker.label || plainText(picker.text) || words.choose_date;
  return html`<form class="picker" part="picker" @submit=${submit}>
    ${picker.label === "" ? nothing : html`<span aria-hidden="true" dir="auto">${picker.label}</span>`}
    <div class="pick">
      <input
        name="value"
        type=${picker.input}
        required
        aria-label=${name}
        min=${picker.min || nothing}
        max=${picker.max || nothing}
        value=${chosen ?? picker.value}
        ?disabled=${!choice.open}
      />
      ${
        choice.open
          ? html`<button type="submit" class="solid">${words.send}</button>`
          : chosen === null
            ? nothing
            : html`<span class="picked">${checkIcon()}</span>`
      }
    </div>
  </form>`;
}

/** Return the value that the visitor has sent, or null for another message. */
export function chosenValue({ payload }: Picker, sent: string | null): string | null {
  const at = payload.indexOf("{}");
  const [value] = /^[\dT:-]+/.exec((sent ?? "").slice(at)) ?? [];
  return value !== undefined && payload.replaceAll("{}", value) === sent ? value : null;
}

/** Return a date, a time, or both in the format of a locale. */
export function dateTitle(value: string, locale: string): string {
  const isDate = value.includes("-");
  const isTime = value.includes(":");
  const at = new Date(isDate ? (isTime ? value : `${value}T00:00`) : `1970-01-01T${value}`);
  if (Number.isNaN(at.getTime())) return value;
  const options: Intl.DateTimeFormatOptions = {
    ...(isDate ? { dateStyle: "full" } : {}),
    ...(isTime ? { timeStyle: "short" } : {}),
  };
  return new Intl.DateTimeFormat(locale, options).format(at);
}

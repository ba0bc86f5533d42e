/**
 * A block of code with a button that copies it, in colours as soon as they are loaded.
 *
 * Called by `markdown.ts`. Must not build markup from the code: each piece goes through a binding.
 */

import { html, nothing, type TemplateResult } from "lit-html";

import { checkIcon, copyIcon } from "./icons";
import type { Token } from "../highlight/tokens";
import { copyText } from "../media";

export interface CodeLook {
  /** Name of the button. */
  readonly copy: string;
  /** Return the coloured pieces of a code, or null if there are none (yet) for this language. */
  tokens(code: string, language: string): readonly Token[] | null;
  /** Called after the visitor has copied a code. */
  copied(): void;
}

/** How long the button shows that the code was copied. */
const COPIED_MS = 2_000;

export function codeView(code: string, language: string, look: CodeLook | undefined): TemplateResult {
  const tokens = look?.tokens(code, language) ?? null;
  const block = html`<pre tabindex="0"><code>${
    tokens === null
      ? code
      : tokens.map(([kind, text]) => (kind === "" ? text : html`<span class="code-${kind}">${text}</span>`))
  }</code></pre>`;
  if (look === undefined) return block;
  const copy = async (event: Event): Promise<void> => {
    const button = event.currentTarget as HTMLElement;
    await copyText(code, button);
    look.copied();
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), COPIED_MS);
  };
  return html`<div class="code ${language === "" ? "bare" : ""}" part="code">
    <div class="code-head">
      <span aria-hidden="true">${language || nothing}</span>
      <button type="button" class="icon" aria-label=${look.copy} title=${look.copy} @click=${copy}>
        ${copyIcon()}${checkIcon()}
      </button>
    </div>
    ${block}
  </div>`;
}

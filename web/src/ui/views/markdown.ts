/**
 * Draws Markdown.
 *
 * Owns a cache of parsed texts. Called by `content.ts`. Must not build markup from text: text goes through bindings,
 * and a URL that is not allowed stays text.
 */

import { html, nothing, type TemplateResult } from "lit-html";

import { safeLink, safeSource } from "../../state/links";
import type { LinkTarget } from "../config";
import { inlinesText, parseMarkdown, type Block, type Inline } from "../../state/markdown";
import { codeView, type CodeLook } from "./code";

/** `base` is the base of relative URLs. `target` is the target of links. Without `code`, code has no button and colours. */
export interface MarkdownLook {
  readonly base: string;
  readonly target: LinkTarget;
  readonly code?: CodeLook;
}

type Drawn = TemplateResult | string | typeof nothing;

function inline(node: Inline, look: MarkdownLook): Drawn {
  switch (node.kind) {
    case "text":
      return node.text;
    case "break":
      return html`<br />`;
    case "code":
      return html`<code>${node.text}</code>`;
    case "strong":
      return html`<strong>${inlines(node.inlines, look)}</strong>`;
    case "em":
      return html`<em>${inlines(node.inlines, look)}</em>`;
    case "strike":
      return html`<s>${inlines(node.inlines, look)}</s>`;
    case "link": {
      const href = safeLink(node.href, look.base);
      const label = inlines(node.inlines, look);
      return href === null ? html`${label}` : link(href, label, look.target);
    }
    case "image": {
      const src = safeSource(node.src, look.base);
      if (src === null) return node.alt;
      return html`<img class="media" src=${src} alt=${node.alt} loading="lazy" @error=${broken} /><span
          class="caption"
          >${node.alt || node.src}</span
        >`;
    }
  }
}

/** Hide an image, video or sound that cannot be loaded, and show the element after it. */
export function broken(event: Event): void {
  (event.target as Element).classList.add("broken");
}

/**
 * A link to another page, without referrer and without access to this page.
 *
 * Screen readers read `name` instead of `label`.
 */
export function link(href: string, label: unknown, target: LinkTarget, part = "", name = ""): TemplateResult {
  const away = /^https?:/.test(href);
  return html`<a
    part=${part || nothing}
    href=${href}
    target=${away ? target : nothing}
    aria-label=${name || nothing}
    rel="noopener noreferrer nofollow"
    >${label}</a
  >`;
}

function inlines(nodes: readonly Inline[], look: MarkdownLook): Drawn[] {
  return nodes.map((node) => inline(node, look));
}

function block(node: Block, look: MarkdownLook): Drawn {
  switch (node.kind) {
    case "paragraph":
      return html`<p>${inlines(node.inlines, look)}</p>`;
    case "heading":
      return html`<p class="heading">${inlines(node.inlines, look)}</p>`;
    case "quote":
      return html`<blockquote>${blocks(node.blocks, look)}</blockquote>`;
    case "code":
      return codeView(node.text, node.language, look.code);
    case "rule":
      return html`<hr />`;
    case "table":
      return html`<div class="table" tabindex="0" role="group" aria-label=${inlinesText(node.head.flat())}>
        <table>
          <thead>
            <tr>
              ${node.head.map((cell) => html`<th scope="col">${inlines(cell, look)}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${node.rows.map(
              (row) =>
                html`<tr>
                  ${row.map((cell) => html`<td>${inlines(cell, look)}</td>`)}
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`;
    case "list": {
      const items = node.items.map((item) => html`<li>${blocks(item, look)}</li>`);
      return node.ordered
        ? html`<ol start=${node.start}>
            ${items}
          </ol>`
        : html`<ul>
            ${items}
          </ul>`;
    }
  }
}

function blocks(nodes: readonly Block[], look: MarkdownLook): Drawn[] {
  return nodes.map((node) => block(node, look));
}

const parsed = new Map<string, Block[]>();
/** Size of the cache: several times the number of messages that are drawn at the same time. */
const MAX_PARSED = 500;

export function markdown(text: string, look: MarkdownLook): Drawn[] {
  let tree = parsed.get(text);
  if (tree === undefined) {
    if (parsed.size >= MAX_PARSED) parsed.clear();
    parsed.set(text, (tree = parseMarkdown(text)));
  }
  return blocks(tree, look);
}

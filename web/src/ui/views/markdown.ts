/**
 * Draws Markdown.
 *
 * Owns a cache of parsed texts. Called by `content.ts`. Must not build markup from text: text goes through bindings, and
 * an address that is not allowed stays text.
 */

import { html, nothing, type TemplateResult } from "lit-html";

import { safeLink } from "../../state/links";
import { parseMarkdown, type Block, type Inline } from "../../state/markdown";

type Drawn = TemplateResult | string | typeof nothing;

function inline(node: Inline, base: string): Drawn {
  switch (node.kind) {
    case "text":
      return node.text;
    case "break":
      return html`<br />`;
    case "code":
      return html`<code>${node.text}</code>`;
    case "strong":
      return html`<strong>${inlines(node.inlines, base)}</strong>`;
    case "em":
      return html`<em>${inlines(node.inlines, base)}</em>`;
    case "strike":
      return html`<s>${inlines(node.inlines, base)}</s>`;
    case "link": {
      const href = safeLink(node.href, base);
      const label = inlines(node.inlines, base);
      return href === null ? html`${label}` : link(href, label);
    }
  }
}

/** A link that opens a new tab, without referrer and without access to this page. */
export function link(href: string, label: unknown, part = ""): TemplateResult {
  const away = /^https?:/.test(href);
  return html`<a
    part=${part || nothing}
    href=${href}
    target=${away ? "_blank" : nothing}
    rel="noopener noreferrer nofollow"
    >${label}</a
  >`;
}

function inlines(nodes: readonly Inline[], base: string): Drawn[] {
  return nodes.map((node) => inline(node, base));
}

function block(node: Block, base: string): Drawn {
  switch (node.kind) {
    case "paragraph":
      return html`<p>${inlines(node.inlines, base)}</p>`;
    case "heading":
      return html`<p class="heading">${inlines(node.inlines, base)}</p>`;
    case "quote":
      return html`<blockquote>${blocks(node.blocks, base)}</blockquote>`;
    case "code":
      return html`<pre tabindex="0"><code>${node.text}</code></pre>`;
    case "rule":
      return html`<hr />`;
    case "list": {
      const items = node.items.map((item) => html`<li>${blocks(item, base)}</li>`);
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

function blocks(nodes: readonly Block[], base: string): Drawn[] {
  return nodes.map((node) => block(node, base));
}

const parsed = new Map<string, Block[]>();
/** Several times the number of messages that are drawn at once. */
const MAX_PARSED = 500;

export function markdown(text: string, base: string): Drawn[] {
  let tree = parsed.get(text);
  if (tree === undefined) {
    if (parsed.size >= MAX_PARSED) parsed.clear();
    parsed.set(text, (tree = parseMarkdown(text)));
  }
  return blocks(tree, base);
}

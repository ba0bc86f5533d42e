/**
 * The pieces of an assistant's message, with a view for each type of content.
 *
 * Called by `transcript.ts`. Must not build markup from text: URLs pass `safeLink` or `safeSource`, and text goes
 * through bindings.
 */

import { html, nothing, type TemplateResult } from "lit-html";

import type { Json } from "../../client/wire";
import type { Button, Card, Content } from "../../state/content";
import { isPlayer, safeLink, safeSource } from "../../state/links";
import { chosenOf, type Choice } from "../../state/transcript";
import { backIcon, checkIcon, fileIcon, forthIcon, playIcon } from "./icons";
import { turnCards } from "../carousel";
import { fill, type Words } from "../i18n";
import type { LinkTarget } from "../config";
import { broken, link, markdown } from "./markdown";
import type { CodeLook } from "./code";
import { pickerView } from "./picker";

/** Draws custom JSON of one `type`. Returns a node or a text. A text is not parsed as HTML. */
export type CustomRenderer = (
  value: Json,
  context: { send: (payload: string, title?: string) => void },
) => Node | string;

export interface ContentContext {
  words: Words;
  /** Base of relative URLs, which is the server's URL. */
  base: string;
  /** Where links open. */
  target: LinkTarget;
  /** Locale of dates. */
  locale: string;
  code?: CodeLook;
  choice: Choice;
  choose(payload: string, title: string): void;
  renderers: ReadonlyMap<string, CustomRenderer>;
}

type Drawn = TemplateResult | typeof nothing;

export function content(piece: Content, context: ContentContext): Drawn {
  switch (piece.kind) {
    case "text":
      return html`<div class="text" part="text" dir="auto">${markdown(piece.text, context)}</div>`;
    case "image":
      return image(piece.src, piece.alt, context);
    case "video":
      return media(piece.src, context, (src) =>
        isPlayer(src)
          ? poster(src, piece, context)
          : html`<video
                part="video"
                class="media"
                controls
                preload="metadata"
                src=${src}
                poster=${(piece.poster !== null && safeSource(piece.poster, context.base)) || nothing}
                aria-label=${piece.title || nothing}
                @error=${broken}
              ></video
              >${poster(src, piece, context)}`,
      );
    case "audio":
      return media(
        piece.src,
        context,
        (src) =>
          html`<audio
              part="audio"
              controls
              preload="metadata"
              src=${src}
              aria-label=${piece.title || nothing}
              @error=${broken}
            ></audio
            >${poster(src, { ...piece, poster: null }, context)}`,
      );
    case "file":
      return file(piece, context);
    case "cards":
      return cards(piece.cards, context);
    case "accordion":
      return html`<div class="accordion" part="accordion">
        ${piece.sections.map(
          (section) =>
            html`<details>
              <summary dir="auto">${section.title}</summary>
              <div class="text" dir="auto">
                ${markdown(section.text, context)}
                ${section.link === null ? nothing : address(section.link, section.link, context)}
              </div>
            </details>`,
        )}
      </div>`;
    case "rating":
      return html`${piece.text === "" ? nothing : html`<div class="text" dir="auto">${markdown(piece.text, context)}</div>`}
      ${buttons(piece.options, context, "rating")}
      ${
        chosenOf(piece.options, context.choice).length > 0 && piece.thanks !== ""
          ? html`<div class="text" dir="auto">${piece.thanks}</div>`
          : nothing
      }`;
    case "picker":
      return html`${piece.text === "" ? nothing : html`<div class="text" dir="auto">${markdown(piece.text, context)}</div>`}
      ${pickerView(piece, context)}`;
    case "buttons":
      return buttons(piece.buttons, context, "buttons");
    case "custom":
      return custom(piece.type, piece.value, context);
  }
}

function media(src: string, context: ContentContext, draw: (src: string) => Drawn): Drawn {
  const safe = safeSource(src, context.base);
  return safe === null ? html`<div class="text" dir="auto">${src}</div>` : draw(safe);
}

function image(src: string, alt: string, context: ContentContext): Drawn {
  return media(src, context, (safe) => {
    const picture = html`<img
        part="image"
        class="media"
        src=${safe}
        alt=${alt}
        @error=${broken}
        loading="lazy"
        decoding="async"
      /><span class="caption">${alt || context.words.picture}</span>`;
    // The image is a link to its full size. Without a description, the link needs another name.
    return safe.startsWith("data:")
      ? picture
      : html`<a
          class="picture"
          href=${safe}
          target=${context.target}
          rel="noopener noreferrer"
          aria-label=${alt || context.words.picture}
          >${picture}</a
        >`;
  });
}

/** A link to a video or sound that the browser cannot play. It loads nothing from the other site before a click. */
function poster(
  src: string,
  piece: { title: string; poster: string | null },
  context: ContentContext,
): TemplateResult {
  const picture = piece.poster === null ? null : safeSource(piece.poster, context.base);
  return html`<a class="poster" part="poster" href=${src} target=${context.target} rel="noopener noreferrer">
    ${picture === null ? nothing : html`<img src=${picture} alt="" loading="lazy" @error=${broken} />`}
    ${playIcon()}<span dir="auto">${piece.title || new URL(src).hostname.replace(/^www\./, "")}</span>
  </a>`;
}

function address(href: string, label: string, context: ContentContext): Drawn {
  const safe = safeLink(href, context.base);
  return safe === null ? html`${label}` : link(safe, label, context.target);
}

function file(piece: Extract<Content, { kind: "file" }>, context: ContentContext): Drawn {
  const href = safeLink(piece.url, context.base);
  if (href === null) return html`<div class="text" dir="auto">${piece.name}</div>`;
  return html`${piece.text === "" ? nothing : html`<div class="text" dir="auto">${markdown(piece.text, context)}</div>`}
    <a
      class="file"
      part="file"
      href=${href}
      download
      target=${context.target}
      rel="noopener noreferrer"
      aria-label=${fill(context.words.download_file, piece.name)}
      >${fileIcon()}<span dir="auto">${piece.name}</span></a
    >`;
}

/** `about` distinguishes buttons with the same title on several cards. */
function buttons(
  list: readonly Button[],
  context: ContentContext,
  kind: "buttons" | "rating",
  about = "",
): Drawn {
  if (list.length === 0) return nothing;
  const { choice } = context;
  const picked = chosenOf(list, choice);
  return html`<div class=${kind} part=${kind} role="group">
    ${list.map((button) => {
      const href = button.url === null ? null : safeLink(button.url, context.base);
      const label = about === "" ? "" : `${button.title}, ${about}`;
      if (href !== null && button.payload === null)
        return link(href, button.title, context.target, "button link-button", label);
      if (button.payload === null) return nothing;
      const payload = button.payload;
      const chosen = picked.includes(button);
      return html`<button
        type="button"
        part="button"
        class=${chosen ? "chosen" : ""}
        dir="auto"
        ?disabled=${!choice.open}
        aria-label=${label || nothing}
        aria-pressed=${choice.open ? nothing : String(chosen)}
        @click=${() => {
          context.choose(payload, button.title);
          if (href !== null) open(href, context.target, "noopener,noreferrer");
        }}
      >
        ${chosen ? checkIcon() : nothing}<span>${button.title}</span>
      </button>`;
    })}
  </div>`;
}

function cards(list: readonly Card[], context: ContentContext): Drawn {
  if (list.length === 0) return nothing;
  const titles = list.flatMap((card) => card.buttons.map((button) => button.title));
  const isAmbiguous = new Set(titles).size < titles.length;
  const { words } = context;
  const row = html`<div
    class="cards"
    part="cards"
    role="group"
    tabindex=${list.length > 1 ? 0 : nothing}
    aria-label=${list.map((card) => card.title).join(", ")}
  >
    ${list.map((card) => {
      const src = card.image === null ? null : safeSource(card.image, context.base);
      return html`<article class="card" part="card">
        ${src === null ? nothing : html`<img src=${src} alt="" loading="lazy" decoding="async" @error=${broken} />`}
        <div class="card-words">
          <p class="heading" dir="auto">
            ${card.link === null ? card.title : address(card.link, card.title, context)}
          </p>
          ${card.subtitle === "" ? nothing : html`<p dir="auto">${card.subtitle}</p>`}
        </div>
        ${buttons(card.buttons, context, "buttons", isAmbiguous ? card.title : "")}
      </article>`;
    })}
  </div>`;
  if (list.length === 1) return row;
  // `carousel.ts` shows the arrows if the cards do not fit, and sets the position.
  return html`<div class="carousel" part="carousel">
    ${row}
    <div class="turner" hidden>
      <button
        type="button"
        class="icon"
        aria-label=${words.back}
        @click=${(event: Event) => turnCards(event, -1)}
      >
        ${backIcon()}
      </button>
      <span aria-hidden="true" dir="ltr"></span>
      <button
        type="button"
        class="icon"
        aria-label=${words.forth}
        @click=${(event: Event) => turnCards(event, 1)}
      >
        ${forthIcon()}
      </button>
    </div>
  </div>`;
}

function custom(type: string, value: Json, context: ContentContext): Drawn {
  const renderer = context.renderers.get(type) ?? context.renderers.get("*");
  if (renderer !== undefined) {
    try {
      return html`<div class="custom" part="custom">
        ${renderer(value, { send: (payload, title) => context.choose(payload, title ?? payload) })}
      </div>`;
    } catch (error) {
      console.error(
        `manent-chat: the renderer for custom type "${type}" failed; showing JSON instead`,
        error,
      );
    }
  }
  return html`<details class="custom" part="custom">
    <summary>${context.words.unknown}${type === "" ? nothing : html` (${type})`}</summary>
    <pre tabindex="0"><code>${JSON.stringify(value, null, 2)}</code></pre>
  </details>`;
}

/**
 * The configuration of a chat, read from the element's attributes.
 *
 * Called by `chat.ts`. `docs/web-chat.md` documents the attributes. Must not change the element.
 */

import type { JsonObject } from "../client/wire";
import type { Attribute, Basics } from "./basics";
import { en, TONES, type Tone, type Words } from "./i18n";

export type Theme = "auto" | "light" | "dark";

export type LinkTarget = "_blank" | "_self" | "_parent" | "_top";

/** A button that sends `payload`, or its title. */
export interface Suggestion {
  readonly title: string;
  readonly payload: string;
}

export interface ChatConfig extends Basics {
  /** The level of the heading in the page's outline, 1 to 6. */
  heading_level: number;
  subheading: string;
  placeholder: string;
  /** Language tags separated by spaces, best first. `""` selects the language of the page, then that of the browser. */
  language: string;
  theme: Theme;
  /** `launcher` shows a floating button that opens the chat. With `fill`, the chat fills its container. */
  layout: "launcher" | "fill";
  initial_payload: string;
  session_id: string;
  /** Storage keys of other chats whose session is adopted if this browser has no session yet. */
  adopt: string[];
  /** URL of the image beside the assistant's messages, or `""` for Manent's logo. */
  avatar: string;
  metadata: JsonObject;
  /** Text of an empty conversation, or `""` for the text of the interface. */
  greeting: string;
  /** Buttons that are shown until the visitor writes. */
  suggestions: readonly Suggestion[];
  /** How the texts address the visitor. null: as each language does by default. */
  tone: Tone | null;
  /** Texts that replace those of the interface, by key. */
  words: Partial<Words>;
  /** Pause between the messages of a reply, in milliseconds. */
  message_delay_ms: number;
  /** List earlier conversations in the menu (requires `session_identity: jwt`). */
  conversations: boolean;
  /** Offer dictation and reading aloud, if the browser supports them. */
  voice: boolean;
  /** The controls to hide: `enlarge`, and the menu entries `past new download erase full_screen sound notifications read_aloud`. */
  hide: string[];
  /** Whether the visitor can rate replies with a thumb. */
  feedback: boolean;
  /** Where links open: in a new tab (`_blank`) or in this tab (`_self`). */
  link_target: LinkTarget;
  plain_metadata_key: string;
  user_message_event: string;
  bot_message_event: string;
}

function oneOf<T extends string>(value: string | null, allowed: readonly T[], otherwise: T): T {
  return allowed.find((item) => item === value) ?? otherwise;
}

function json(value: string | null, name: string): JsonObject {
  if (value === null || value === "") return {};
  try {
    return JSON.parse(value) as JsonObject;
  } catch {
    console.warn(`manent-chat: ignoring the attribute ${name}, which is not JSON:`, value);
    return {};
  }
}

function words(value: string | null): string[] {
  return (value ?? "").split(/[\s,]+/).filter((item) => item !== "");
}

/** Read a site's texts. A text with plural forms can be an object with these forms, or one text for all numbers. */
function ownWords(object: JsonObject): Partial<Words> {
  const texts = Object.entries(object).flatMap(([key, value]) => {
    const known: unknown = Object.hasOwn(en, key) ? en[key as keyof Words] : undefined;
    const text = typeof known === "object" && typeof value === "string" ? { other: value } : value;
    const isText =
      typeof known === "string" ? typeof text === "string" : known !== undefined && isPlural(text);
    if (!isText) console.warn(`manent-chat: ignoring the text "${key}" in the attribute words:`, value);
    return isText ? [[key, text]] : [];
  });
  return Object.fromEntries(texts) as Partial<Words>;
}

function isPlural(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("other" in value)) return false;
  return Object.values(value).every((form) => typeof form === "string");
}

/** Read suggestions: texts separated by `|`, or a JSON list of texts and `{title, payload}`. */
function suggestions(value: string | null): Suggestion[] {
  if (value === null) return [];
  const items: unknown = value.startsWith("[")
    ? json(`{"list":${value}}`, "suggestions")["list"]
    : value.split("|");
  return (Array.isArray(items) ? items : []).flatMap((item: unknown) => {
    const { title, payload } = (typeof item === "object" && item !== null ? item : { title: item }) as Record<
      string,
      unknown
    >;
    if (typeof title !== "string" || title.trim() === "") return [];
    return [{ title: title.trim(), payload: typeof payload === "string" ? payload : title.trim() }];
  });
}

function flag(value: string | null): boolean {
  return value !== null && value !== "false";
}

/** Read the attributes of an element. */
export function readConfig(element: Element, basics: Basics): ChatConfig {
  const attribute = (name: Attribute): string | null => element.getAttribute(name);
  return {
    ...basics,
    heading_level: Math.min(6, Math.max(1, Number(attribute("heading-level")) || 2)),
    subheading: attribute("subheading") ?? "",
    placeholder: attribute("placeholder") ?? "",
    language: attribute("lang") ?? "",
    theme: oneOf(attribute("theme"), ["auto", "light", "dark"], "auto"),
    layout: oneOf(attribute("layout"), ["launcher", "fill"], "launcher"),
    initial_payload: attribute("initial-payload") ?? "",
    session_id: attribute("session-id") ?? "",
    adopt: words(attribute("adopt")),
    avatar: attribute("avatar") ?? "",
    metadata: json(attribute("metadata"), "metadata"),
    greeting: attribute("greeting") ?? "",
    suggestions: suggestions(attribute("suggestions")),
    tone: TONES.find((tone) => tone === attribute("tone")) ?? null,
    words: ownWords(json(attribute("words"), "words")),
    message_delay_ms: Math.max(0, Number(attribute("message-delay") ?? 0) || 0),
    conversations: flag(attribute("conversations")),
    voice: flag(attribute("voice")),
    hide: words(attribute("hide")),
    feedback: flag(attribute("feedback")),
    link_target: oneOf(attribute("link-target"), ["_blank", "_self", "_parent", "_top"], "_blank"),
    plain_metadata_key: attribute("metadata-key") ?? "metadata",
    user_message_event: attribute("user-message-event") ?? "user_uttered",
    bot_message_event: attribute("bot-message-event") ?? "bot_uttered",
  };
}

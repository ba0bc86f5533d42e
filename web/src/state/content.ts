/**
 * Reads the body of an assistant's message into typed pieces.
 *
 * Understands Rasa's own keys and the formats of rasa-webchat and RasaHQ's chat-widget. Called by `transcript.ts`,
 * `ui/chat.ts` and `ui/download.ts`. Pure. Unknown keys are ignored; unknown formats become `custom` pieces for
 * renderers. Must not produce markup.
 */

import { isObject, type Json, type JsonObject } from "../client/wire";
import { plainText } from "./markdown";

export interface Button {
  title: string;
  /** The message to send, or null for a button that only opens `url`. */
  payload: string | null;
  url: string | null;
}

export interface Card {
  title: string;
  subtitle: string;
  image: string | null;
  link: string | null;
  buttons: Button[];
}

/** A field for a date or a time. */
export interface Picker {
  kind: "picker";
  input: "date" | "time" | "datetime-local";
  text: string;
  /** Name of the field, or `""`. */
  label: string;
  /** Limits and initial value in the format of HTML, for example `2026-12-01`, or `""`. */
  min: string;
  max: string;
  value: string;
  /** The message to send, in which the chosen value replaces each `{}`. */
  payload: string;
}

export type Content =
  | { kind: "text"; text: string }
  | { kind: "image"; src: string; alt: string }
  | { kind: "video"; src: string; title: string; poster: string | null }
  | { kind: "audio"; src: string; title: string }
  | { kind: "file"; url: string; name: string; text: string }
  | { kind: "cards"; cards: Card[] }
  | { kind: "accordion"; sections: { title: string; text: string; link: string | null }[] }
  | { kind: "rating"; text: string; options: Button[]; thanks: string }
  | Picker
  | { kind: "buttons"; buttons: Button[] }
  | { kind: "custom"; type: string; value: Json };

function text(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "number" ? String(value) : "";
}

function firstText(...values: unknown[]): string {
  return values.map(text).find((value) => value !== "") ?? "";
}

/** Return the objects in a value. Rasa sends one object, and other servers send a list. */
function list(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.filter(isObject);
  return isObject(value) ? [value] : [];
}

function readButtons(value: unknown): Button[] {
  return list(value).map((item) => {
    const url = firstText(item["url"]) || null;
    const payload = item["payload"];
    const message = typeof payload === "object" && payload !== null ? JSON.stringify(payload) : text(payload);
    const title = firstText(item["title"], item["text"], item["label"], payload, url);
    return { title, payload: message !== "" ? message : url === null ? title : null, url };
  });
}

function readCards(value: unknown): Card[] {
  return list(value).map((item) => {
    const action = isObject(item["default_action"]) ? item["default_action"] : {};
    return {
      title: firstText(item["title"], item["text"]),
      subtitle: text(item["subtitle"]),
      image: firstText(item["image_url"], item["image"]) || null,
      link: firstText(action["url"], item["link"], item["item_url"]) || null,
      buttons: readButtons(item["buttons"]),
    };
  });
}

/** Read one of the supported types from an attachment or custom JSON. Returns null for other types. */
function readTyped(type: string, value: Record<string, unknown>): Content | null {
  const src = firstText(
    value["src"],
    value["url"],
    value["image_url"],
    value["video_url"],
    value["audio_url"],
  );
  const name = firstText(value["alt"], value["title"], value["name"]);
  switch (type) {
    case "image":
      return src === "" ? null : { kind: "image", src, alt: name };
    case "video":
      return src === ""
        ? null
        : { kind: "video", src, title: name, poster: firstText(value["poster"], value["thumbnail"]) || null };
    case "audio":
      return src === "" ? null : { kind: "audio", src, title: name };
    case "file":
    case "file_download": {
      const url = firstText(value["file_url"], src);
      if (url === "") return null;
      const file = firstText(value["file_name"], name) || url.split(/[?#]/)[0]!.split("/").at(-1)!;
      return { kind: "file", url, name: file, text: text(value["text"]) };
    }
    case "template":
    case "carousel":
      return { kind: "cards", cards: readCards(value["elements"]) };
    case "accordion":
      return {
        kind: "accordion",
        sections: list(value["elements"]).map((item) => ({
          title: text(item["title"]),
          text: text(item["text"]),
          link: text(item["link"]) || null,
        })),
      };
    case "rating":
    case "csat":
      return {
        kind: "rating",
        text: firstText(value["text"], value["question"]),
        options: readButtons(
          list(value["options"]).map((option) => ({
            title: firstText(option["title"], option["text"], option["value"]),
            payload: firstText(option["payload"], option["value"]),
          })),
        ),
        thanks: firstText(value["message"], value["thank_you"]),
      };
    case "date":
    case "time":
    case "datetime":
      return {
        kind: "picker",
        input: type === "datetime" ? "datetime-local" : type,
        text: text(value["text"]),
        label: firstText(value["label"], value["title"]),
        min: text(value["min"]),
        max: text(value["max"]),
        value: text(value["value"]),
        payload: text(value["payload"]) || "{}",
      };
    default:
      return null;
  }
}

function readAttachment(value: unknown): Content[] {
  return list(value).flatMap((item) => {
    const type = text(item["type"]);
    const payload = isObject(item["payload"]) ? item["payload"] : item;
    const known = readTyped(type, payload);
    return known !== null ? [known] : [{ kind: "custom" as const, type, value: item as Json }];
  });
}

function readCustom(value: Json): Content[] {
  if (isObject(value)) {
    const type = text(value["type"]);
    const payload = isObject(value["payload"]) ? value["payload"] : value;
    const known = readTyped(type, payload);
    if (known !== null) return [known];
    if (isObject(value["attachment"])) return readAttachment(value["attachment"]);
    return [{ kind: "custom", type, value: value as JsonObject }];
  }
  return [{ kind: "custom", type: "", value }];
}

const KNOWN_KEYS = new Set([
  "text",
  "quick_replies",
  "buttons",
  "attachment",
  "image",
  "custom",
  "elements",
  "metadata",
  "recipient_id",
]);

/** Return the pieces of one message, in reading order. */
export function contents(body: JsonObject): Content[] {
  // A plain server puts the keys of custom JSON into the message itself.
  const spread = typeof body["type"] === "string" ? readTyped(body["type"], body) : null;
  if (spread !== null) return [spread];
  const found: Content[] = [];
  const words = text(body["text"]);
  if (words !== "") found.push({ kind: "text", text: words });
  if (typeof body["image"] === "string" && body["image"] !== "") {
    found.push({ kind: "image", src: body["image"], alt: "" });
  }
  if (typeof body["attachment"] === "string") {
    found.push({ kind: "file", url: body["attachment"], name: body["attachment"], text: "" });
  } else {
    found.push(...readAttachment(body["attachment"]));
  }
  if (body["elements"] !== undefined) found.push({ kind: "cards", cards: readCards(body["elements"]) });
  if (body["custom"] !== undefined && body["custom"] !== null) found.push(...readCustom(body["custom"]));
  const buttons = [...readButtons(body["quick_replies"]), ...readButtons(body["buttons"])];
  if (buttons.length > 0) found.push({ kind: "buttons", buttons });
  if (found.length === 0) {
    const rest = Object.fromEntries(Object.entries(body).filter(([key]) => !KNOWN_KEYS.has(key)));
    if (Object.keys(rest).length > 0) found.push(...readCustom(rest));
  }
  return found;
}

/** Texts for pieces that contain no text. */
export interface Fallbacks {
  readonly picture: string;
  /** Text for all other types. */
  readonly unknown: string;
}

/**
 * Return a message as plain text, for screen readers, notifications, speech and the transcript file.
 *
 * The result is never empty, because a piece without text gets a fallback text.
 */
export function plainWords(pieces: readonly Content[], fallbacks: Fallbacks): string {
  const words = pieces.map((piece) => {
    switch (piece.kind) {
      case "text":
        return plainText(piece.text);
      case "image":
        return piece.alt || fallbacks.picture;
      case "video":
      case "audio":
        return piece.title || fallbacks.unknown;
      case "file":
        return plainText(piece.text) || piece.name;
      case "cards":
        return piece.cards.map((card) => [card.title, card.subtitle].filter(Boolean).join(": ")).join("; ");
      case "accordion":
        return piece.sections.map((section) => section.title).join("; ");
      case "rating":
      case "picker":
        return plainText(piece.text);
      case "buttons":
        return piece.buttons.map((button) => button.title).join(", ");
      case "custom":
        return fallbacks.unknown;
    }
  });
  return words.filter((word) => word.trim() !== "").join("\n") || fallbacks.unknown;
}

/**
 * The items of an open conversation, as operators read it: messages, day dividers, and messages that are being sent.
 *
 * Called by `views/conversation.ts`. Pure.
 */

import type { Entry } from "./outbox";
import type { DeskMessage } from "./wire";

export type Item =
  | { kind: "day"; key: string; timestamp: number }
  | { kind: "message"; key: string; message: DeskMessage; starts: boolean }
  | { kind: "pending"; key: string; entry: Entry; text: string };

function dayOf(timestamp: number): string {
  return new Date(timestamp * 1000).toDateString();
}

/** Return who sent a message, so that messages of one sender are grouped. */
function senderOf(message: DeskMessage): string {
  return `${message.role} ${message.operator?.id ?? ""}`;
}

/** Return whether a message is a payload that nobody typed, such as `/greet`. */
function isPayload(message: DeskMessage): boolean {
  return message.body["payload"] === true;
}

export function itemsOf(messages: readonly DeskMessage[], entries: readonly Entry[]): Item[] {
  const items: Item[] = [];
  let before: DeskMessage | undefined;
  for (const message of messages) {
    const isNewDay = before === undefined || dayOf(before.timestamp) !== dayOf(message.timestamp);
    if (isNewDay) items.push({ kind: "day", key: `day ${message.id}`, timestamp: message.timestamp });
    const starts = isNewDay || senderOf(before!) !== senderOf(message) || isPayload(message);
    items.push({ kind: "message", key: message.id, message, starts });
    before = message;
  }
  for (const entry of entries)
    if (entry.request === "say" || entry.request === "note")
      items.push({ kind: "pending", key: entry.id, entry, text: String(entry.body["text"] ?? "") });
  return items;
}

/**
 * The items of the displayed conversation: messages, dividers, and messages being sent.
 *
 * Called by `ui/panel.ts`. Pure. Decides which messages are shown and which buttons are disabled. The views only draw.
 */

import type { OutboxEntry } from "../client/outbox";
import type { AgentMessage, BotMessage, Message, Operator, UserMessage } from "../client/wire";
import { contents, type Button, type Content } from "./content";
import type { ChatState } from "./state";

export type Item =
  | { kind: "day"; key: string; timestamp: number }
  | { kind: "divider"; key: string; reason: "restart" | "session" }
  /** The following messages are new. */
  | { kind: "new"; key: string }
  /** An operator has joined or left. */
  | { kind: "person"; key: string; name: string; joined: boolean }
  | {
      kind: "bot";
      key: string;
      message: Said;
      contents: readonly Content[];
      starts: boolean;
      /** Whether this is the last message before another sender's. */
      ends: boolean;
      choice: Choice;
    }
  | { kind: "user"; key: string; text: string; timestamp: number; starts: boolean; message: UserMessage }
  | { kind: "pending"; key: string; text: string; starts: boolean; entry: OutboxEntry };

/** A message from the assistant, or from an operator in its place. */
export type Said = BotMessage | AgentMessage;

/** Whether the buttons of a message can still be used, and which button was chosen. */
export interface Choice {
  readonly open: boolean;
  /** The visitor's next message, which contains the payload of the chosen button. */
  readonly chosen: string | null;
  /** The title of that button, if known. */
  readonly title?: string | undefined;
}

const OPEN: Choice = { open: true, chosen: null };

function choiceOf(sent: { readonly message: string; readonly title?: string }): Choice {
  return { open: false, chosen: sent.message, title: sent.title };
}

/** Return the chosen buttons. If several buttons have the same payload, the title decides. */
export function chosenOf(buttons: readonly Button[], choice: Choice): readonly Button[] {
  if (choice.open) return [];
  const same = buttons.filter((button) => button.payload !== null && button.payload === choice.chosen);
  const titled = same.filter((button) => button.title === choice.title);
  return titled.length > 0 ? titled : same;
}

/** Return whether a message is shown. Payloads without a title (`/greet`) are in the log but not shown. */
function isDrawn(message: Message): boolean {
  return message.role !== "user" || message.payload !== true;
}

function isEntryDrawn(entry: OutboxEntry): boolean {
  return entry.title !== undefined || !entry.message.startsWith("/");
}

// The result is cached for each message, because messages are never changed in place.
const contentsByMessage = new WeakMap<Said, readonly Content[]>();
const dayByMessage = new WeakMap<Message, string>();

function contentsOf(message: Said): readonly Content[] {
  let found = contentsByMessage.get(message);
  if (found === undefined) contentsByMessage.set(message, (found = contents(message.body)));
  return found;
}

function dayOf(message: Message): string {
  let found = dayByMessage.get(message);
  if (found === undefined)
    dayByMessage.set(message, (found = new Date(message.timestamp * 1000).toDateString()));
  return found;
}

/** Return the entries of the outbox that are not in the log yet. */
export function pendingEntries(state: ChatState): OutboxEntry[] {
  if (state.outbox.length === 0) return [];
  const logged = new Set<string>();
  for (const message of state.messages) if (message.role === "user") logged.add(message.message_id);
  return state.outbox.filter((entry) => !logged.has(entry.message_id));
}

/**
 * Return the items of messages `start` to `end` (exclusive), and the pending ones if `end` is the end of the list.
 *
 * Of the messages before `start`, only the last one is used, for the first divider and group.
 */
export function transcript(state: ChatState, start = 0, end = state.messages.length): Item[] {
  const { messages } = state;
  const pending = pendingEntries(state);
  const items: Item[] = [];
  let choice = choiceAfter(messages, end, pending);
  // Go backwards, because whether buttons are disabled depends on the visitor's next message.
  const choices = new Map<number, Choice>();
  for (let i = end - 1; i >= start; i -= 1) {
    const message = messages[i]!;
    if (message.role === "user") choice = choiceOf(message);
    else choices.set(i, choice);
  }
  const firstNew = findNew(state);
  let before: Message | undefined = messages[start - 1];
  let person = personAt(state, start);
  /** Where an operator joined or left since the last message to the visitor, if this tab has seen it. */
  let place: number | null = null;
  const meet = (next: Operator | null, key: string): boolean => {
    if (next?.id === person?.id) return false;
    items.splice(place ?? items.length, 0, ...persons(person, next, key));
    person = next;
    return true;
  };
  for (let i = start; i < end; i += 1) {
    const message = messages[i]!;
    let starts = senderOf(before) !== senderOf(message);
    if (hasChanged(state, messages[i - 1], message)) place ??= items.length;
    // The divider is shown even if the payload after it is hidden.
    if (before === undefined || dayOf(before) !== dayOf(message)) {
      if (isDrawn(message))
        items.push({ kind: "day", key: `day ${message.id}`, timestamp: message.timestamp });
      starts = true;
    }
    if (message.divider !== undefined) {
      items.push({ kind: "divider", key: `divider ${message.id}`, reason: message.divider });
      starts = true;
    }
    if (message.role !== "user") {
      if (meet(personSaying(message), message.id)) starts = true;
      place = null;
    }
    if (i === firstNew) {
      items.push({ kind: "new", key: "new" });
      starts = true;
    }
    if (isDrawn(message) && !joinCards(items, message))
      items.push(item(message, starts, choices.get(i) ?? OPEN));
    if (isDrawn(message)) before = message;
  }
  if (end === messages.length) meet(state.handling?.operator ?? null, "end");
  if (end === messages.length) items.push(...pendingItems(pending, before));
  return items.map((item, at) => {
    if (item.kind !== "bot") return item;
    const next = items[at + 1];
    const after = next === undefined ? messages[end] : next.kind === "bot" ? next.message : undefined;
    return { ...item, ends: senderOf(after) !== senderOf(item.message) };
  });
}

/** Return the index of the first message to the visitor that the visitor has not seen, or -1. */
function findNew({ messages, new_after }: ChatState): number {
  return new_after === null ? -1 : messages.findIndex(({ seq, role }) => seq > new_after && role !== "user");
}

function personSaying(message: Message): Operator | null {
  return message.role === "agent" ? message.operator : null;
}

/** Return who sent a message: `"user"`, `"bot"`, or an operator. */
function senderOf(message: Message | undefined): string | undefined {
  return message?.role === "agent" ? `agent ${message.operator.id}` : message?.role;
}

/** Return the operator who answered the visitor before message `start`. */
function personAt({ messages, has_more }: ChatState, start: number): Operator | null {
  for (let i = start - 1; i >= 0; i -= 1) if (messages[i]!.role !== "user") return personSaying(messages[i]!);
  // What is before the loaded messages is unknown: assume that nobody joined with the first one.
  const first = has_more ? messages.find((message) => message.role !== "user") : undefined;
  return first === undefined ? null : personSaying(first);
}

/** Return whether an operator joined or left between two neighbours. */
function hasChanged({ changes }: ChatState, before: Message | undefined, message: Message): boolean {
  return changes.some((seq) => seq >= (before?.seq ?? 0) && seq < message.seq);
}

function persons(left: Operator | null, joined: Operator | null, key: string): Item[] {
  const item = ({ name }: Operator, isNew: boolean): Item => ({
    kind: "person",
    key: `${isNew ? "joined" : "left"} ${key}`,
    name,
    joined: isNew,
  });
  return [...(left === null ? [] : [item(left, false)]), ...(joined === null ? [] : [item(joined, true)])];
}

/** Join cards that the server sends as separate parts of a reply, in order to show them side by side. */
function joinCards(items: Item[], message: Message): boolean {
  const last = items.at(-1);
  if (message.role === "user" || last?.kind !== "bot" || last.message.seq !== message.seq) return false;
  const [piece, ...others] = contentsOf(message);
  const before = last.contents.at(-1);
  if (piece?.kind !== "cards" || others.length > 0 || before?.kind !== "cards") return false;
  const joined = { ...before, cards: [...before.cards, ...piece.cards] };
  items[items.length - 1] = { ...last, contents: [...last.contents.slice(0, -1), joined] };
  return true;
}

function item(message: Message, starts: boolean, choice: Choice): Item {
  if (message.role !== "user") {
    return {
      kind: "bot",
      key: message.id,
      message,
      contents: contentsOf(message),
      starts,
      ends: true,
      choice,
    };
  }
  const text = message.title ?? message.message;
  // The key is the message's id, so that a delivered message replaces the pending one in place.
  const key = message.message_id === "" ? message.id : message.message_id;
  return { kind: "user", key, text, timestamp: message.timestamp, starts, message };
}

function pendingItems(entries: readonly OutboxEntry[], before: Message | undefined): Item[] {
  return entries.filter(isEntryDrawn).map((entry, index) => ({
    kind: "pending",
    key: entry.message_id,
    text: entry.title ?? entry.message,
    starts: index === 0 && before?.role !== "user",
    entry,
  }));
}

/** Return what happened to buttons before position `end`. */
function choiceAfter(messages: readonly Message[], end: number, pending: readonly OutboxEntry[]): Choice {
  for (let i = end; i < messages.length; i += 1) {
    const message = messages[i]!;
    if (message.role === "user") return choiceOf(message);
  }
  const first = pending.find((entry) => entry.state !== "failed");
  return first === undefined ? OPEN : choiceOf(first);
}

/**
 * Where this client stands in the log, as a value.
 *
 * An event may arrive in several parts; the cursor moves only when all of them are here. A part whose `prev` is not
 * where we stand means that something was missed.
 */

import type { Cursor, Message } from "./wire";

export interface Position {
  readonly cursor: Cursor;
  /** The event of which some parts are still on their way. */
  readonly pending: { readonly seq: number; readonly parts: ReadonlySet<string> } | null;
}

export type Outcome = "moved" | "waiting" | "known" | "gap";

export function at(epoch: string, seq: number): Position {
  return { cursor: { epoch, seq }, pending: null };
}

/** Take one live message into account. */
export function advance(position: Position, message: Message): { position: Position; outcome: Outcome } {
  const { cursor, pending } = position;
  if (message.seq <= cursor.seq) return { position, outcome: "known" };
  const continues = pending?.seq === message.seq;
  if (!continues && (pending !== null || message.prev !== cursor.seq)) return { position, outcome: "gap" };
  if (continues && pending.parts.has(message.id)) return { position, outcome: "known" };
  const parts = new Set(continues ? pending.parts : []).add(message.id);
  if (parts.size < message.parts) {
    return { position: { cursor, pending: { seq: message.seq, parts } }, outcome: "waiting" };
  }
  return { position: at(cursor.epoch, message.seq), outcome: "moved" };
}

/** Stand behind a page of messages; where they end before `position`, stay. */
export function after(position: Position, epoch: string, messages: readonly Message[]): Position {
  const known = position.cursor.epoch === epoch ? position.cursor.seq : 0;
  return at(
    epoch,
    messages.reduce((seq, message) => Math.max(seq, message.seq), known),
  );
}

/**
 * The client's position in the log, as an immutable value.
 *
 * Owns the rules for moving it. Called by `dialects/protocol1.ts`. Pure. An event can arrive in several parts. The
 * cursor moves when all parts have arrived. If `prev` of a part is not the cursor, events were missed.
 */

import type { Cursor, Message } from "./wire";

export interface Position {
  readonly cursor: Cursor;
  /** The event of which some parts have not arrived yet. */
  readonly pending: { readonly seq: number; readonly parts: ReadonlySet<string> } | null;
}

export type Outcome = "moved" | "waiting" | "known" | "gap";

export function at(epoch: string, seq: number): Position {
  return { cursor: { epoch, seq }, pending: null };
}

/** Return the position after a live message, and the effect of the message on the position. */
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

/** Return the position after a page of messages, or the old one if it is later. */
export function after(position: Position, epoch: string, messages: readonly Message[]): Position {
  const known = position.cursor.epoch === epoch ? position.cursor.seq : 0;
  return at(
    epoch,
    messages.reduce((seq, message) => Math.max(seq, message.seq), known),
  );
}

/** Messages and states for the tests of `state/`. */

import type { AgentMessage, BotMessage, Message, UserMessage } from "../../src/client/wire";
import { EMPTY, reduce, type ChatState } from "../../src/state/state";

/** Noon of some day, in seconds. */
export const NOON = new Date(2026, 4, 4, 12).getTime() / 1000;

/** A message from the assistant. */
export function bot(
  seq: number,
  body: BotMessage["body"] = { text: `b${seq}` },
  part = 0,
  parts = 1,
): BotMessage {
  return { role: "bot", body, seq, id: `${seq}.${part}`, parts, prev: 0, timestamp: NOON + seq };
}

/** A message from an operator. */
export function agent(seq: number, name = "Ada"): AgentMessage {
  const body = { text: `a${seq}` };
  const operator = { id: name.toLowerCase(), name };
  return { role: "agent", body, operator, seq, id: `${seq}.0`, parts: 1, prev: 0, timestamp: NOON + seq };
}

/** A message from the visitor. */
export function user(seq: number, message: string, extra: Partial<UserMessage> = {}): UserMessage {
  return {
    role: "user",
    message,
    message_id: `m${seq}`,
    seq,
    id: `${seq}.0`,
    parts: 1,
    prev: 0,
    timestamp: NOON + seq,
    ...extra,
  };
}

/** The state after joining a conversation with these messages. */
export function showing(...messages: Message[]): ChatState {
  return reduce(EMPTY, {
    type: "joined",
    session_id: "s",
    epoch: "e",
    resumed: true,
    messages,
    has_more: false,
    continues: false,
    typing: false,
    plain: false,
    files: null,
  });
}

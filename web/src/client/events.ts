/**
 * The events that the client reports to its listeners, in order.
 *
 * Holds types only. Read by `state/state.ts`, which builds the state from them.
 */

import type { OutboxEntry } from "./outbox";
import type { FilesOffer, Handler, Message, Operator } from "./wire";

export type ConnectionStatus = "connecting" | "online" | "offline" | "refused";

/** A notice for the visitor. `code` selects the text. `message` is the server's English sentence for developers. */
export interface Notice {
  readonly code: string;
  readonly message: string;
  readonly message_id?: string;
}

export type ClientEvent =
  | { type: "connection"; status: ConnectionStatus; retry_in_ms?: number; error?: Notice }
  | {
      type: "joined";
      session_id: string;
      epoch: string;
      resumed: boolean;
      messages: readonly Message[];
      has_more: boolean;
      /** True if `messages` continue the list that the listeners have; false if they replace it. */
      continues: boolean;
      typing: boolean;
      /** The server supports only Rasa's protocol, without history and acknowledgements. */
      plain: boolean;
      /** The files that the visitor can send, or null if the server accepts none. */
      files: FilesOffer | null;
    }
  /** The session was removed from this browser. */
  | { type: "left" }
  | { type: "message"; message: Message }
  | { type: "older"; messages: readonly Message[]; has_more: boolean }
  | { type: "older_failed" }
  | { type: "outbox"; entries: readonly OutboxEntry[] }
  | { type: "typing"; on: boolean }
  /** Who handles the conversation, after each join and each change; only if the client accepts `agent`. */
  | { type: "handler"; handler: Handler; operator?: Operator; rate?: true }
  | { type: "agent_typing"; on: boolean }
  | { type: "notice"; notice: Notice };

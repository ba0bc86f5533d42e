/** What the views of messages need to know of the chat. */

import type { ContentContext } from "./content";

/** The context for drawing messages. A change must create a new object, because items compare it by identity. */
export interface Look extends Omit<ContentContext, "choice"> {
  /** The assistant's name. */
  readonly name: string;
  /** URL of the assistant's image, or null for Manent's logo. */
  readonly avatar: string | null;
  readonly locale: string;
  retry(message_id: string): void;
  discard(message_id: string): void;
  edit(message_id: string, text: string): void;
  /** Called when the visitor opens a file of the message `seq`. */
  openFile(event: Event, seq: number, file_id: string): void;
  /** Rate a message of the assistant: true for a thumb up. */
  rate(seq: number, isGood: boolean): void;
}

/**
 * The visitor's texts for notices and errors, by code.
 *
 * Called by `chat.ts`, `panel.ts` and the views. Must not show the server's sentences, which are English texts for
 * developers in the `manent-notice` event.
 */

import type { Notice } from "../client/events";
import { fill, type TextKey, type Words } from "./i18n";

const BY_CODE: Record<string, TextKey> = {
  no_storage: "no_storage",
  session_lost: "session_lost",
  session_reset: "session_reset",
  session_erased: "session_erased",
  session_claimed: "session_claimed",
  token_expired: "token_expired",
  token_revoked: "token_revoked",
  jwt_expired: "token_expired",
  jwt_revoked: "token_revoked",
  too_long: "too_long",
  unknown_file: "unknown_file",
  unsupported_protocol: "unsupported",
  failed_request: "failed_request",
  microphone_denied: "microphone_denied",
  notifications_denied: "notifications_denied",
};

export function noticeText(notice: Notice, words: Words): string {
  if (notice.code === "conversation_changed") return fill(words.dropped, notice.message);
  return words[BY_CODE[notice.code] ?? "failed_request"];
}

/** Return a text about why the server rejected the connection. */
export function refusalText(refusal: Notice | null, words: Words): string {
  return words[BY_CODE[refusal?.code ?? ""] ?? "refused"];
}

/** Return a text about why a message was not sent, or "" if there is no text for the reason. */
export function reasonText(error: { readonly code: string } | undefined, words: Words): string {
  const key = BY_CODE[error?.code ?? ""];
  return key === undefined ? "" : words[key];
}

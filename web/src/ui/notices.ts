/**
 * The words for what the client reports, by its code.
 *
 * The server's own sentences are English and meant for developers: the page gets them in `manent-notice`.
 */

import type { Notice } from "../client/events";
import { fill, type Words } from "./i18n";

const BY_CODE: Record<string, keyof Words> = {
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
  unsupported_protocol: "unsupported",
  failed_request: "failed_request",
};

export function noticeText(notice: Notice, words: Words): string {
  if (notice.code === "conversation_changed") return fill(words.dropped, notice.message);
  return words[BY_CODE[notice.code] ?? "failed_request"];
}

/** Why the server does not let the visitor in. */
export function refusalText(refusal: Notice | null, words: Words): string {
  return words[BY_CODE[refusal?.code ?? ""] ?? "refused"];
}

/** Why a message was not sent; "" where "not sent" is all that can be said. */
export function reasonText(error: { readonly code: string } | undefined, words: Words): string {
  const key = BY_CODE[error?.code ?? ""];
  return key === undefined ? "" : words[key];
}

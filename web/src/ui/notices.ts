/** The words for what the client reports: by its code, or the server's own sentence. */

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
  unsupported_protocol: "unsupported",
  failed_request: "failed_request",
};

export function noticeText(notice: Notice, words: Words): string {
  if (notice.code === "conversation_changed") return fill(words.dropped, notice.message);
  const key = BY_CODE[notice.code];
  if (key !== undefined) return words[key];
  return notice.message === "" ? words.failed_request : notice.message;
}

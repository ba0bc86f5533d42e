import { expect, it } from "vitest";

import { loadWords } from "../../src/ui/i18n";
import { noticeText, reasonText, refusalText } from "../../src/ui/notices";

it("says in the visitor's language what the server says in English", async () => {
  const words = await loadWords("de");
  const error = (code: string) => ({ code, message: "a message may have 64000 characters; found 70000" });

  expect(reasonText(error("too_long"), words)).toBe("Die Nachricht ist zu lang.");
  expect(reasonText(error("message_id_conflict"), words)).toBe("");
  expect(noticeText(error("disk_full"), words)).toBe(words.failed_request);
  expect(refusalText(error("jwt_expired"), words)).toBe(words.token_expired);
  expect(refusalText(error("jwt_invalid"), words)).toBe(words.refused);
  expect(refusalText(null, words)).toBe(words.refused);
});

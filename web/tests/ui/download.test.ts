import { expect, it } from "vitest";

import { transcriptText } from "../../src/ui/download";
import { en } from "../../src/ui/i18n";
import { bot, user } from "../state/messages";

it("writes one line per message, without payloads, and says when earlier messages are missing", () => {
  const messages = [
    user(1, "/greet", { payload: true }),
    bot(2, { text: "**Hello**" }),
    user(3, "/book", { title: "Book" }),
  ];

  const lines = transcriptText(messages, false, "Manent", en, "en").trimEnd().split("\n");

  expect(lines.length).toBe(3);
  expect(lines[0]).toBe("[Earlier messages are missing.]");
  expect(lines[1]).toMatch(/^\[.+\] Manent: Hello$/);
  expect(lines[2]).toMatch(/^\[.+\] You: Book$/);
  expect(transcriptText(messages, true, "Manent", en, "en")).not.toContain("missing");
});

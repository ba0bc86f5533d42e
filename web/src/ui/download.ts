/**
 * Downloads the conversation as a text file.
 *
 * Loaded by `chat.ts` when the visitor downloads the conversation. The caller loads the whole conversation first. Must not load messages.
 */

import type { Message } from "../client/wire";
import { contents, plainWords } from "../state/content";
import type { Words } from "./i18n";

/** Return the text of the file. If not `complete`, the first line states that earlier messages are missing. */
export function transcriptText(
  messages: readonly Message[],
  complete: boolean,
  bot: string,
  words: Words,
  language: string,
): string {
  const at = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const lines = messages.flatMap((message) => {
    if (message.role === "user" && message.payload === true) return [];
    const text =
      message.role === "user"
        ? [message.title ?? message.message, ...(message.attachments ?? []).map(({ name }) => `[${name}]`)]
            .filter((part) => part !== "")
            .join(" ")
        : plainWords(contents(message.body), words);
    const who = message.role === "user" ? words.you : message.role === "agent" ? message.operator.name : bot;
    return [`[${at.format(new Date(message.timestamp * 1000))}] ${who}: ${text}`];
  });
  if (!complete) lines.unshift(`[${words.missing}]`);
  return `${lines.join("\n")}\n`;
}

export function downloadTranscript(
  messages: readonly Message[],
  complete: boolean,
  bot: string,
  words: Words,
  language: string,
): void {
  const file = new Blob([transcriptText(messages, complete, bot, words, language)], {
    type: "text/plain;charset=utf-8",
  });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = `${bot.replace(/[^\p{L}\p{N}]+/gu, "-").toLowerCase()}-${new Date().toISOString().slice(0, 10)}.txt`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

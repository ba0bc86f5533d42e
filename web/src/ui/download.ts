/** The conversation as a text file, for the visitor to keep. */

import type { Message } from "../client/wire";
import { contents, plainWords } from "../state/content";
import type { Words } from "./i18n";

/** `complete`: false when earlier messages could not be loaded; the file says so. */
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
    const said =
      message.role === "user"
        ? (message.title ?? message.message)
        : plainWords(contents(message.body), words);
    const who = message.role === "user" ? words.you : bot;
    return [`[${at.format(new Date(message.timestamp * 1000))}] ${who}: ${said}`];
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

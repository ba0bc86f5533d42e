/**
 * Times and durations as short texts.
 *
 * Called by the views. Pure: the present time is an argument.
 */

import { fill } from "../ui/i18n";
import type { Localization, Words } from "./words";

/** Return a duration in seconds as its largest unit: `"40 s"`, `"5 min"`, `"3 h"`, `"2 d"`. */
export function duration(seconds: number, words: Words): string {
  if (seconds < 100) return fill(words.seconds, Math.max(0, Math.round(seconds)));
  if (seconds < 3600) return fill(words.minutes, Math.round(seconds / 60));
  if (seconds < 86_400) return fill(words.hours, Math.round(seconds / 3600));
  return fill(words.days, Math.round(seconds / 86_400));
}

/** Return how long ago something was, or its date if that is more than a week. `now` in milliseconds. */
export function ago(timestamp: number, now: number, { words, locale }: Localization): string {
  if (timestamp <= 0) return "";
  const seconds = now / 1000 - timestamp;
  if (seconds < 45) return words.now;
  if (seconds < 7 * 86_400) return duration(seconds, words);
  return format(locale, "date").format(new Date(timestamp * 1000));
}

const OPTIONS = {
  time: { timeStyle: "short" },
  date: { day: "numeric", month: "short" },
  day: { weekday: "long", day: "numeric", month: "long" },
  full: { dateStyle: "full", timeStyle: "short" },
} satisfies Record<string, Intl.DateTimeFormatOptions>;

const formats = new Map<string, Intl.DateTimeFormat>();

/** Return a cached format: creating one is expensive. */
export function format(locale: string, kind: keyof typeof OPTIONS): Intl.DateTimeFormat {
  const key = `${locale} ${kind}`;
  let found = formats.get(key);
  if (found === undefined) formats.set(key, (found = new Intl.DateTimeFormat(locale, OPTIONS[kind])));
  return found;
}

/**
 * The tab *Numbers*: what happened in a period, by day.
 *
 * Owns the period and its numbers. Called by `desk.ts` and `views/numbers.ts`.
 */

import { isObject } from "../client/wire";
import type { Api } from "./api";
import { list, number, text } from "./wire";

/** The numbers of a day, or of the whole period. Null: there is no value, for example no wait without handoffs. */
export interface Bucket {
  /** Seconds since the epoch. */
  readonly start: number;
  readonly conversations: number;
  readonly visitors: number;
  readonly messages: number;
  /** Share of the conversations that the bot answered without a person, 0 to 1. */
  readonly containment: number | null;
  /** Share of the visitors' messages that the bot did not understand, 0 to 1. */
  readonly fallback_rate: number | null;
  readonly handoffs: number;
  /** Seconds. */
  readonly waiting_median: number | null;
  readonly waiting_p95: number | null;
  readonly response_median: number | null;
  readonly response_p95: number | null;
  /** Mean, 1 to 5. */
  readonly rating: number | null;
}

export interface Report {
  readonly totals: Bucket;
  readonly buckets: readonly Bucket[];
  readonly intents: readonly { readonly intent: string; readonly count: number }[];
  /** How often a form asked for a slot, and how often the visitor went no further. */
  readonly forms: readonly {
    readonly form: string;
    readonly slot: string;
    readonly asked: number;
    readonly dropped: number;
  }[];
}

export const PERIODS: readonly number[] = [7, 28, 90];

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function object(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function readBucket(bucket: Record<string, unknown>): Bucket {
  const [messages, waiting, response] = [bucket["messages"], bucket["waiting"], bucket["response"]].map(
    object,
  );
  return {
    start: number(bucket["start"]),
    conversations: number(bucket["conversations"]),
    visitors: number(bucket["visitors"]),
    messages: Object.values(messages!).reduce<number>((sum, count) => sum + number(count), 0),
    containment: numberOrNull(bucket["containment"]),
    fallback_rate: numberOrNull(bucket["fallback_rate"]),
    handoffs: number(bucket["handoffs"]),
    waiting_median: numberOrNull(waiting!["median"]),
    waiting_p95: numberOrNull(waiting!["p95"]),
    response_median: numberOrNull(response!["median"]),
    response_p95: numberOrNull(response!["p95"]),
    rating: numberOrNull(bucket["rating"]),
  };
}

export function readReport(value: unknown): Report {
  const report = object(value);
  return {
    totals: readBucket(object(report["totals"])),
    buckets: list(report["buckets"]).map(readBucket),
    intents: list(report["intents"]).map((item) => ({
      intent: text(item["intent"]),
      count: number(item["count"]),
    })),
    forms: list(report["forms"]).map((item) => ({
      form: text(item["form"]),
      slot: text(item["slot"]),
      asked: number(item["asked"]),
      dropped: number(item["dropped"]),
    })),
  };
}

export class Numbers {
  days = 28;
  state: "idle" | "loading" | "ready" | "failed" = "idle";
  report: Report = readReport(null);
  /** Whether the table was copied. */
  copied = false;

  constructor(
    private readonly api: Api,
    private readonly changed: () => void,
  ) {}

  async load(days = this.days): Promise<void> {
    this.days = days;
    this.state = "loading";
    this.copied = false;
    this.changed();
    try {
      const to = Date.now() / 1000;
      const query = { from: to - days * 86_400, to, bucket: "day" };
      const report = readReport(await this.api.get("numbers", query));
      if (this.days !== days) return;
      this.report = report;
      this.state = "ready";
    } catch {
      this.state = "failed";
    }
    this.changed();
  }

  /** Copy rows to the clipboard, so that they can be pasted into a spreadsheet. */
  async copy(rows: readonly (readonly string[])[]): Promise<void> {
    await navigator.clipboard.writeText(rows.map((row) => row.join("\t")).join("\n"));
    this.copied = true;
    this.changed();
  }
}

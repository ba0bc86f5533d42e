/** The tab *Numbers*: totals, plots as SVG, and a table that can be copied. Called by `frame.ts`. Pure. */

import { html, nothing, svg, type TemplateResult } from "lit-html";

import { fill } from "../../ui/i18n";
import type { Desk } from "../desk";
import { PERIODS, type Bucket, type Report } from "../numbers";
import { duration, format } from "../times";
import type { Words } from "../words";
import { emptyView } from "./pieces";

export function numbersView(desk: Desk): TemplateResult {
  const { words, numbers } = desk;
  const { report } = numbers;
  const isEmpty = report.buckets.every(({ conversations }) => conversations === 0);
  return html`<section
    class="sheet wide"
    aria-label=${words.numbers}
    aria-busy=${numbers.state === "loading"}
  >
    <div class="pills" role="group" aria-label=${words.numbers_range}>
      ${PERIODS.map(
        (days) =>
          html`<button
            type="button"
            class="pill"
            aria-pressed=${numbers.days === days}
            @click=${() => void numbers.load(days)}
          >
            ${fill(words.numbers_days, days)}
          </button>`,
      )}
    </div>
    ${
      numbers.state === "failed"
        ? emptyView(
            words.failed_load,
            "",
            html`<button type="button" class="quiet" @click=${() => void numbers.load()}>
              ${words.retry}
            </button>`,
          )
        : isEmpty
          ? emptyView(numbers.state === "ready" ? words.numbers_none : words.loading, "")
          : reportView(report, desk)
    }
  </section>`;
}

function reportView(report: Report, desk: Desk): TemplateResult {
  const { words, localization } = desk;
  const { buckets } = report;
  const day = (bucket: Bucket): string =>
    format(localization.locale, "date").format(new Date(bucket.start * 1000));
  const { totals: all } = report;
  const whole = (value: number): string => Math.round(value).toLocaleString(localization.locale);
  const seconds = (value: number): string => duration(value, words);
  const decimal = (value: number): string =>
    value.toLocaleString(localization.locale, { maximumFractionDigits: 1 });
  const totals: [string, string][] = [
    [words.conversations_count, whole(all.conversations)],
    [words.messages_count, whole(all.messages)],
    [words.containment, percent(all.containment)],
    [words.fallback_rate, percent(all.fallback_rate)],
    [words.handoffs, whole(all.handoffs)],
    [words.waiting_median, all.waiting_median === null ? "–" : seconds(all.waiting_median)],
    [words.rating, all.rating === null ? "–" : decimal(all.rating)],
  ];
  return html`<dl class="totals">
      ${totals.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    <div class="plots">
      ${plotView(words.conversations_count, buckets, day, (each) => each.conversations, whole)}
      ${plotView(words.containment, buckets, day, (each) => each.containment, percent, 1)}
      ${plotView(words.handoffs, buckets, day, (each) => each.handoffs, whole)}
      ${plotView(words.fallback_rate, buckets, day, (each) => each.fallback_rate, percent)}
      ${plotView(words.waiting_median, buckets, day, (each) => each.waiting_median, seconds, niceDuration(Math.max(0, ...buckets.map((each) => each.waiting_median ?? 0))))}
      ${plotView(words.rating, buckets, day, (each) => each.rating, decimal, 5)}
    </div>
    ${tableView(tableOf(buckets, day, words), desk)}
    <div class="plots">
      ${
        report.intents.length === 0
          ? nothing
          : barsView(
              words.intents,
              [words.intent, words.count],
              report.intents
                .slice(0, 12)
                .map(({ intent, count }) => ({ name: intent, value: count, label: whole(count) })),
            )
      }
      ${
        report.forms.length === 0
          ? nothing
          : barsView(
              words.drop_off,
              [words.slot, words.left],
              report.forms.slice(0, 12).map(({ form, slot, asked, dropped }) => ({
                name: `${form} · ${slot}`,
                value: asked === 0 ? 0 : dropped / asked,
                label: `${dropped} / ${asked}`,
              })),
              1,
            )
      }
    </div>`;
}

function percent(value: number | null): string {
  return value === null ? "–" : `${Math.round(value * 100)} %`;
}

const WIDTH = 360;
const HEIGHT = 140;
const EDGE = { left: 44, right: 8, top: 10, bottom: 22 };

/** Return a round number of at least `value` that is easy to read on an axis. */
export function niceMaximum(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10);
}

/** Return a round duration of at least `seconds`. */
export function niceDuration(seconds: number): number {
  const steps = [10, 20, 60, 120, 300, 600, 1200, 3600, 7200, 14_400, 43_200, 86_400];
  return steps.find((step) => step >= seconds) ?? Math.ceil(seconds / 86_400) * 86_400;
}

/** Bars by day, with three lines of an axis. Days without a value have no bar. */
function plotView(
  title: string,
  buckets: readonly Bucket[],
  day: (bucket: Bucket) => string,
  value: (bucket: Bucket) => number | null,
  label: (value: number) => string,
  maximum?: number,
): TemplateResult {
  const values = buckets.map(value);
  const top = maximum ?? niceMaximum(Math.max(0, ...values.map((each) => each ?? 0)));
  const step = (WIDTH - EDGE.left - EDGE.right) / Math.max(1, buckets.length);
  const height = HEIGHT - EDGE.top - EDGE.bottom;
  const y = (each: number): number => EDGE.top + height * (1 - each / top);
  const ticks = [0, top / 2, top];
  const named = buckets.length === 0 ? [] : [0, Math.floor((buckets.length - 1) / 2), buckets.length - 1];
  const newest = values.findLastIndex((each) => each !== null);
  return html`<figure>
    <figcaption>
      ${title}<b
        >${newest === -1 ? "–" : html`<span>${day(buckets[newest]!)}</span> ${label(values[newest]!)}`}</b
      >
    </figcaption>
    <svg
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      role="img"
      aria-label="${title}: ${values
        .map((each, index) => (each === null ? "" : `${day(buckets[index]!)} ${label(each)}`))
        .filter(Boolean)
        .join(", ")}"
    >
      ${ticks.map(
        (tick) =>
          svg`<line class="grid" x1=${EDGE.left} x2=${WIDTH - EDGE.right} y1=${y(tick)} y2=${y(tick)} /><text x=${EDGE.left - 6} y=${y(tick) + 4} text-anchor="end">${label(tick)}</text>`,
      )}
      ${values.map((each, index) =>
        each === null
          ? nothing
          : svg`<rect class="bar" x=${EDGE.left + index * step + step * 0.15} y=${y(Math.min(each, top))} width=${step * 0.7} height=${Math.max(0, y(0) - y(Math.min(each, top)))} rx=${Math.min(2, step * 0.3)}><title>${day(buckets[index]!)}: ${label(each)}</title></rect>`,
      )}
      ${[...new Set(named)].map(
        (index, at) =>
          svg`<text x=${EDGE.left + (index + 0.5) * step} y=${HEIGHT - 6} text-anchor=${at === 0 && named.length > 1 ? "start" : index === buckets.length - 1 ? "end" : "middle"}>${day(buckets[index]!)}</text>`,
      )}
    </svg>
  </figure>`;
}

/** Horizontal bars with names: a table, so that it can be read aloud and copied. */
function barsView(
  title: string,
  heads: readonly [string, string],
  rows: readonly { name: string; value: number; label: string }[],
  maximum = Math.max(1, ...rows.map(({ value }) => value)),
): TemplateResult {
  return html`<figure>
    <table class="bars">
      <caption>
        ${title}
      </caption>
      <thead class="sr">
        <tr>
          ${heads.map((head) => html`<th scope="col">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ name, value, label }) =>
            html`<tr>
              <th scope="row"><bdi>${name}</bdi></th>
              <td>
                <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                  <rect class="bar" width=${(100 * value) / maximum} height="10" rx="1" />
                </svg>
                <span>${label}</span>
              </td>
            </tr>`,
        )}
      </tbody>
    </table>
  </figure>`;
}

/** Return the table of a report: heads, then a row for each day, newest first. */
export function tableOf(
  buckets: readonly Bucket[],
  day: (bucket: Bucket) => string,
  words: Words,
): string[][] {
  const seconds = (value: number | null): string => (value === null ? "–" : duration(value, words));
  const heads = [
    words.numbers_day,
    words.conversations_count,
    words.visitors_count,
    words.messages_count,
    words.containment,
    words.fallback_rate,
    words.handoffs,
    words.waiting_median,
    words.waiting_p95,
    words.response_median,
    words.response_p95,
    words.rating,
  ];
  const rows = [...buckets]
    .reverse()
    .map((each) => [
      day(each),
      String(each.conversations),
      String(each.visitors),
      String(each.messages),
      percent(each.containment),
      percent(each.fallback_rate),
      String(each.handoffs),
      seconds(each.waiting_median),
      seconds(each.waiting_p95),
      seconds(each.response_median),
      seconds(each.response_p95),
      each.rating === null ? "–" : each.rating.toFixed(1),
    ]);
  return [heads, ...rows];
}

function tableView([heads, ...rows]: string[][], { words, numbers }: Desk): TemplateResult {
  return html`<div class="line">
      <h2>${words.numbers_by_day}</h2>
      <span role="status" class="small">${numbers.copied ? words.copied : ""}</span>
      <button type="button" class="quiet" @click=${() => void numbers.copy([heads!, ...rows])}>
        ${words.numbers_copy}
      </button>
    </div>
    <div class="table" tabindex="0" role="group" aria-label=${words.numbers}>
      <table>
        <thead>
          <tr>
            ${heads!.map((head) => html`<th scope="col">${head}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ([day, ...cells]) =>
              html`<tr>
                <th scope="row">${day}</th>
                ${cells.map((cell) => html`<td>${cell}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

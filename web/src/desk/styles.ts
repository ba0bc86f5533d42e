/**
 * The styles of the desk, on top of those of the chat (`ui/styles.ts`).
 *
 * Adopted by `page.ts`. Lengths that depend on text must be in rem or em.
 */

export const deskStyles = `
:root { color-scheme: var(--scheme); --good: light-dark(#1d6b46, #7fd1a6); }
html, body { height: 100%; margin: 0; background: var(--paper); }
main { display: block; height: 100vh; height: 100dvh; }
.desk { display: flex; flex-direction: column; height: 100%; position: relative; background: var(--paper); font: 400 1rem/1.5 var(--sans); color: var(--ink); overflow: hidden; }
.desk h1, .desk h2, .desk h3, .desk dl, .desk dd, .desk figure, .desk blockquote { margin: 0; }
.desk h2 { font: 600 1.125rem/1.3 var(--serif); }
.desk h3 { font: 600 0.8125rem/1.4 var(--sans); color: var(--soft); margin-block-end: 0.35rem; }
.desk input, .desk textarea, .desk select { font: inherit; font-size: max(1rem, 16px); color: inherit; }
.desk ul, .desk ol { list-style: none; padding: 0; }
.desk .small { font-size: 0.875rem; color: var(--soft); }
.desk kbd { display: inline-block; min-width: 1.5em; padding: 0 0.35em; border: 1px solid var(--edge); border-radius: 5px; font: 0.8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; text-align: center; color: inherit; }
.desk code { font: 0.875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
.line { display: flex; align-items: baseline; gap: 0.75rem; justify-content: space-between; min-width: 0; }
.count { display: inline-block; min-width: 1.375em; padding-inline: 0.4em; border-radius: 1em; background: var(--rubric); color: var(--raised); font: 600 0.75rem/1.375rem var(--sans); text-align: center; flex: none; }

/* header */
.desk > header { padding-block: 0.375rem; gap: 0.5rem; position: relative; }
.desk > header nav { display: flex; gap: 0.25rem; flex: 1; min-width: 0; overflow-x: auto; scrollbar-width: none; margin-inline-start: 0.5rem; }
.tab { display: inline-flex; align-items: center; gap: 0.5rem; min-height: 2.75rem; padding: 0 0.75rem; border: 0; border-block-end: 2.5px solid transparent; background: none; color: var(--soft); font-weight: 500; white-space: nowrap; }
.panel .tab { color: var(--soft); }
.panel .tab[aria-current] { color: var(--ink); border-color: var(--accent-ink); }
.panel .tab:hover { color: var(--ink); }
.panel .tab:focus-visible { outline-offset: -3px; border-radius: 8px; }
.me { display: inline-flex; align-items: center; gap: 0.5rem; min-height: 2.75rem; padding: 0 0.5rem; border: 0; border-radius: 12px; background: none; flex: none; }
.me:hover { background: var(--wash); }
.desk .avatar { position: static; flex: none; }
.desk .me .avatar { width: 2rem; height: 2rem; }
.desk #menu { z-index: 6; inset-block-start: 3.5rem; }
.notice.away p::before { content: ""; display: inline-block; width: 0.5em; height: 0.5em; margin-inline-end: 0.5em; border-radius: 50%; background: var(--rubric); }

/* three panes */
.inbox { flex: 1; min-height: 0; display: grid; grid-template: minmax(0, 1fr) / 21rem minmax(0, 1fr) 19rem; }
.inbox > * { min-height: 0; min-width: 0; }
.inbox:not([data-open]) > .talk { grid-column: 2 / -1; }
.list { display: flex; flex-direction: column; border-inline-end: 1px solid var(--line); }
.pills { display: flex; flex-wrap: wrap; gap: 0.375rem; padding: 0.75rem; }
.panel .pill { min-height: 2rem; padding: 0.1rem 0.75rem; border: 1px solid var(--line); border-radius: 1rem; background: var(--raised); font-size: 0.875rem; color: var(--soft); }
.panel .pill:hover { border-color: var(--edge); color: var(--ink); }
.panel .pill[aria-pressed="true"] { border-color: var(--accent-ink); background: var(--tint); color: var(--ink); font-weight: 500; }
.filters { padding: 0 0.75rem 0.5rem; }
.filters summary { cursor: pointer; min-height: 2rem; display: flex; align-items: center; gap: 0.375rem; color: var(--soft); border-radius: 8px; }
.filters summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.filters .fields { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: 0.5rem; align-items: end; padding-block-start: 0.375rem; }
.filters label { display: grid; gap: 0.125rem; min-width: 0; font-size: 0.8125rem; color: var(--soft); }
.filters :is(input, select) { width: 100%; min-width: 0; min-height: 2.375rem; padding: 0.35rem 0.5rem; border: 1px solid var(--edge); border-radius: 10px; background: var(--raised); color: var(--ink); }
.rows { flex: 1; min-height: 0; overflow-y: auto; scrollbar-width: thin; scrollbar-color: var(--line) transparent; padding: 0 0.5rem 1rem; display: flex; flex-direction: column; }
.row { display: grid; gap: 0.1rem; width: 100%; padding: 0.6rem 0.75rem 0.65rem; border: 0; border-radius: 12px; background: none; text-align: start; position: relative; }
.row:hover { background: var(--wash); }
.row[aria-current] { background: var(--tint); }
.row[aria-current]::before { content: ""; position: absolute; inset-block: 0.75rem; inset-inline-start: 0; width: 3px; border-radius: 2px; background: var(--accent-ink); }
.panel .row:focus-visible { outline-offset: -2px; }
.row b { font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-width: 0; }
.row :is(time, .waits) { font-size: 0.8125rem; color: var(--soft); white-space: nowrap; flex: none; }
.desk .waits { color: var(--rubric); font-weight: 500; }
.row .preview { flex: 1; min-width: 0; font-size: 0.9375rem; color: var(--soft); }
.row.unread .preview { color: var(--ink); font-weight: 500; }
.who { color: var(--soft); font-weight: 400; }
.chips { display: flex; flex-wrap: wrap; gap: 0.3rem; margin-block-start: 0.25rem; }
.chip { display: inline-flex; align-items: center; max-width: 100%; padding: 0 0.5rem; border-radius: 0.6rem; background: var(--wash); color: var(--soft); font-size: 0.8125rem; line-height: 1.45rem; }
.chip bdi { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.row[aria-current] .chip { background: var(--raised); }
.chip.label { background: none; box-shadow: inset 0 0 0 1px var(--edge); color: var(--ink); }
.chip button { display: grid; place-items: center; width: 1.5rem; height: 1.5rem; margin-inline: 0.1rem -0.4rem; padding: 0; border: 0; border-radius: 50%; background: none; color: var(--soft); }
.chip button:hover { background: var(--wash); }
.chip svg { width: 13px; height: 13px; }
.more { margin: 0.5rem auto; }
.desk .empty { margin-block: auto; }
.desk .empty .title, .door h1 { font: italic 400 1.0625rem/1.5 var(--serif); color: var(--soft); }
.desk .empty .small { font: 400 0.875rem/1.5 var(--sans); max-width: 20rem; }
.door { display: grid; place-items: center; }
.door h1 { font-size: 1.375rem; color: var(--ink); }
.door pre { margin: 0; padding: 0.75rem 1rem; max-width: 100%; overflow-x: auto; background: var(--wash); border-radius: 10px; text-align: start; }
.door p { font: 400 1rem/1.5 var(--sans); }
.desk a.solid { display: inline-block; padding: 0.4rem 1.5rem; border-radius: 1.25rem; text-decoration: none; color: var(--on-accent); }

/* conversation */
.talk { display: flex; flex-direction: column; container: chat / inline-size; }
.talk-head { display: flex; align-items: center; gap: 0.75rem; min-height: 3.75rem; padding: 0.375rem 1rem; border-block-end: 1px solid var(--line); }
.talk-head h2 { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.actions { display: flex; flex-wrap: wrap; gap: 0.5rem; justify-content: flex-end; }
.desk :is(.actions, .verdict, .answers, .correct) button { min-height: 2.375rem; padding: 0.2rem 1rem; border-radius: 1.25rem; font-weight: 500; }
.desk .solid:disabled, .desk .outline:disabled { opacity: 0.55; }
.panel .outline { border: 1.5px solid var(--accent-ink); background: var(--raised); color: var(--accent-ink); }
.panel .outline:hover { background: var(--tint); }
.desk .back, .desk .close-details { display: none; }
.desk .details-button { display: none; }
.talk .column { max-width: 46rem; }
.said { display: flex; flex-direction: column; align-items: flex-start; margin-block-start: 0.3rem; max-width: min(85%, 36rem); overflow-wrap: anywhere; }
.said.starts { margin-block-start: 1rem; }
.said > header { display: flex; align-items: center; gap: 0.5rem; margin-block-end: 0.25rem; font-size: 0.8125rem; color: var(--soft); }
.said .name { font-weight: 600; color: var(--ink); }
.said .avatar { width: 1.375rem; height: 1.375rem; font-size: 0.75rem; }
.said.ours { align-self: flex-end; align-items: flex-end; }
.said .bubble { max-width: 100%; }
.panel .theirs .bubble { background: var(--wash); color: var(--ink); border-radius: 5px 18px 18px 18px; }
.panel:dir(rtl) .theirs .bubble, html[dir="rtl"] .theirs .bubble { border-radius: 18px 5px 18px 18px; }
.panel .bots { background: var(--raised); color: var(--ink); box-shadow: inset 0 0 0 1px var(--line); white-space: normal; display: grid; gap: 0.5rem; }
.panel .ours .bubble { border-radius: 18px 5px 18px 18px; }
html[dir="rtl"] .ours .bubble { border-radius: 5px 18px 18px 18px; }
.panel .agents { display: grid; gap: 0.5rem; }
.panel .agents a, .panel .agents code { color: inherit; background: none; }
.said.failed .bubble { background: none; color: var(--ink); box-shadow: inset 0 0 0 1.5px var(--rubric); }
.intent { font-size: 0.8125rem; color: var(--soft); padding-inline: 0.25rem; }
.intent.unsure { color: var(--rubric); }
.remark { align-self: stretch; margin-block-start: 0.75rem; padding: 0.5rem 0.875rem 0.6rem; border-inline-start: 3px solid var(--rubric); border-radius: 4px 12px 12px 4px; background: color-mix(in srgb, var(--rubric) 7%, var(--raised)); font-size: 0.9375rem; overflow-wrap: anywhere; }
html[dir="rtl"] .remark { border-radius: 12px 4px 4px 12px; }
.remark header { font-size: 0.8125rem; color: var(--soft); }
.remark b { color: var(--rubric); }
.remark p { white-space: pre-wrap; }
.desk .divider.event { margin-block: 0.9rem 0.25rem; }
.desk .divider span { overflow-wrap: anywhere; min-width: 0; text-align: center; }
.desk .typing { padding-inline-start: 0.5rem; }
.reply { padding: 0.5rem 1rem max(0.75rem, env(safe-area-inset-bottom)); border-block-start: 1px solid var(--line); }
.reply .field { max-width: 46rem; }
.reply .field.off { background: var(--wash); border-style: dashed; }
.reply > .small, .reply > .warning, .reply > .canned { max-width: 46rem; margin-inline: auto; }
.warning p { margin-block-end: 0.4rem; padding: 0.3rem 0.75rem; border-radius: 10px; background: color-mix(in srgb, var(--rubric) 10%, var(--raised)); font-size: 0.9375rem; }
.desk .canned { margin-block-end: 0.5rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--raised); box-shadow: 0 8px 24px var(--shade); max-height: 14rem; overflow-y: auto; padding: 0.25rem; }
.canned button { display: grid; grid-template-columns: minmax(5rem, auto) 1fr; gap: 0.75rem; width: 100%; padding: 0.4rem 0.6rem; border: 0; border-radius: 9px; background: none; text-align: start; align-items: baseline; }
.canned button:hover, .canned .first { background: var(--wash); }
.canned span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.canned code { color: var(--accent-ink); }

/* context */
.context { border-inline-start: 1px solid var(--line); overflow-y: auto; scrollbar-width: thin; scrollbar-color: var(--line) transparent; padding: 0.25rem 1rem 2rem; position: relative; }
.context > section { padding-block: 0.875rem; }
.context > section + section { border-block-start: 1px solid var(--line); }
.facts > div { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: 0.5rem; padding-block: 0.15rem; font-size: 0.9375rem; }
.facts dt { color: var(--soft); overflow-wrap: anywhere; }
.facts dd { overflow-wrap: anywhere; }
.facts dd code { font-size: 0.8125rem; }
.tools { display: flex; flex-wrap: wrap; gap: 0.125rem 0.25rem; margin-inline-start: -0.5rem; }
.add { display: flex; gap: 0.375rem; align-items: flex-end; margin-block-start: 0.5rem; }
.desk :is(.add, .correct, .dialog) :is(input:not([type="checkbox"]), textarea) { flex: 1; min-width: 0; width: 100%; min-height: 2.375rem; padding: 0.35rem 0.7rem; border: 1px solid var(--edge); border-radius: 10px; background: var(--raised); resize: vertical; }
.desk :is(input, textarea)::placeholder { color: var(--soft); opacity: 1; }
.context .remark { margin-block: 0 0.5rem; }
.others button { display: flex; justify-content: space-between; gap: 0.75rem; width: 100%; padding: 0.35rem 0.5rem; margin-inline: -0.5rem; border: 0; border-radius: 9px; background: none; text-align: start; }
.others button:hover { background: var(--wash); }
.others time { font-size: 0.8125rem; color: var(--soft); }

/* the other tabs */
.sheet { flex: 1; min-height: 0; overflow-y: auto; display: flex; flex-direction: column; gap: 1rem; width: min(46rem, 100%); margin-inline: auto; padding: 1.25rem 1rem 2rem; }
#review:focus { outline: none; }
.sheet.wide { width: min(72rem, 100%); }
.sheet > .pills { padding: 0; }
.query input { width: 100%; min-height: 3rem; padding: 0.4rem 1.125rem; border: 1.5px solid var(--edge); border-radius: 1.5rem; background: var(--raised); }
.hits li + li { border-block-start: 1px solid var(--line); }
.hit { display: grid; gap: 0.15rem; width: 100%; padding: 0.75rem; border: 0; border-radius: 10px; background: none; text-align: start; }
.hit:hover { background: var(--wash); }
.hit time { font-size: 0.8125rem; color: var(--soft); }
.snippet { overflow-wrap: anywhere; }
mark { background: color-mix(in srgb, var(--rubric) 22%, var(--raised)); color: var(--ink); border-radius: 3px; padding-inline: 0.1em; }
.judge { display: grid; gap: 1rem; padding: 1.5rem; border: 1px solid var(--line); border-radius: calc(var(--radius) + 4px); background: var(--raised); }
.judge blockquote { font: 400 1.5rem/1.4 var(--serif); overflow-wrap: anywhere; }
.judge dl { display: flex; flex-wrap: wrap; gap: 0.5rem 2rem; }
.judge dt { font-size: 0.8125rem; color: var(--soft); }
.judge dd.meter { display: flex; align-items: center; gap: 0.6rem; }
.meter svg { width: 8rem; height: 0.5rem; border-radius: 0.25rem; background: var(--wash); }
.meter .low { fill: var(--rubric); }
html[dir="rtl"] .meter svg { transform: scaleX(-1); }
.verdict { display: flex; flex-wrap: wrap; gap: 0.6rem; }
.verdict button { display: inline-flex; align-items: center; gap: 0.5rem; }
.verdict svg { width: 16px; height: 16px; }
.correct { display: flex; flex-wrap: wrap; align-items: center; gap: 0.6rem; }
.correct label { width: 100%; font-size: 0.875rem; color: var(--soft); }
.desk .correct input { max-width: 20rem; }
.sheet .trouble { text-align: start; }
.sheet > .line { flex-wrap: wrap; }
.sheet > .line > p { flex: 1 1 18rem; }
.sheet > .line > a.quiet { flex: none; padding: 0.25rem 0.5rem; font-weight: 500; }

/* numbers */
.totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 0.75rem; }
.totals > div { padding: 0.75rem 1rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--raised); display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.totals dt { font-size: 0.8125rem; color: var(--soft); }
.totals dd { font: 600 1.625rem/1.3 var(--serif); font-variant-numeric: lining-nums tabular-nums; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1rem; }
figure { padding: 0.875rem 1rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--raised); min-width: 0; }
figcaption, .bars caption { display: flex; justify-content: space-between; gap: 1rem; font-weight: 600; font-size: 0.9375rem; text-align: start; margin-block-end: 0.5rem; }
.bars caption { display: table-caption; }
figure > svg { display: block; width: 100%; height: auto; direction: ltr; }
figure text { font: 11px var(--sans); fill: var(--soft); }
.grid { stroke: var(--line); stroke-width: 1; }
.bar { fill: var(--accent-ink); }
.bars { width: 100%; border-collapse: collapse; font-size: 0.9375rem; }
.bars th { font-weight: 400; text-align: start; width: 45%; padding: 0.2rem 0.75rem 0.2rem 0; overflow-wrap: anywhere; }
.bars td { display: flex; align-items: center; gap: 0.6rem; padding: 0.3rem 0; }
.bars svg { flex: 1; height: 0.75rem; min-width: 2rem; }
html[dir="rtl"] .bars svg { transform: scaleX(-1); }
figcaption span { font-weight: 400; color: var(--soft); }
.bars span { min-width: 3.5rem; font-variant-numeric: tabular-nums; color: var(--soft); }
.sheet .table { max-width: 100%; flex: none; }
.sheet .table table { width: 100%; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
.sheet .table :is(td, thead th:not(:first-child)) { text-align: end; }
.sheet .table tbody th { font-weight: 400; background: none; white-space: nowrap; }

/* dialogs */
.desk dialog { padding: 0; color: var(--ink); margin: auto; max-width: calc(100% - 2rem); }
.desk dialog.question { width: min(26rem, calc(100% - 2rem)); }
.desk dialog::backdrop { background: rgb(10 12 20 / 45%); }
.dialog { padding: 1.25rem; display: grid; gap: 0.75rem; }
.dialog .ask { margin: 0; }
.dialog label { display: grid; gap: 0.25rem; font-size: 0.875rem; color: var(--soft); }
.dialog label.check { grid-template-columns: auto 1fr; align-items: center; gap: 0.6rem; font-size: 1rem; color: var(--ink); }
.dialog .check input { width: 1.25rem; height: 1.25rem; accent-color: var(--accent); }
.desk .answers { margin-block-start: 0.5rem; }
.keys > div { display: grid; grid-template-columns: 5rem 1fr; gap: 0.75rem; padding-block: 0.25rem; }
.choices button { display: flex; align-items: center; gap: 0.75rem; width: 100%; min-height: 2.75rem; padding: 0.25rem 0.75rem; border: 0; border-radius: 10px; background: none; text-align: start; }
.choices button:hover { background: var(--wash); }
.choices small { color: var(--good); margin-inline-start: auto; }
.choices .avatar { width: 2rem; height: 2rem; }

@media (max-width: 76rem) {
  .inbox { grid-template-columns: 19rem minmax(0, 1fr); }
  .context { display: none; position: absolute; inset-block: 0; inset-inline-end: 0; width: min(22rem, 100%); z-index: 4; background: var(--paper); box-shadow: 0 0 48px var(--shade); padding-block-start: 0.75rem; }
  .inbox { position: relative; }
  [data-details] > .context { display: block; }
  .desk .details-button { display: grid; }
  .desk .close-details { display: grid; position: absolute; inset-block-start: 0.5rem; inset-inline-end: 0.5rem; z-index: 1; }
  .context > section:first-of-type { padding-inline-end: 2.5rem; }
}
@media (max-width: 48rem) {
  .inbox { grid-template-columns: minmax(0, 1fr); }
  .inbox:not([data-open]) > .talk, .inbox[data-open] > .list { display: none; }
  .list { border: 0; }
  .desk .back { display: grid; margin-inline-start: -0.5rem; }
  .desk .wide-only { display: none; }
  .talk-head { padding-inline: 0.75rem; gap: 0.25rem 0.5rem; flex-wrap: wrap; }
  .talk-head .details-button { order: 1; }
  .talk-head .actions { order: 2; width: 100%; justify-content: flex-start; padding-block-end: 0.25rem; }
  .desk > header .brand { display: none; }
  .desk > header nav { margin: 0; }
  .tab { padding: 0 0.55rem; }
  .inbox:not([data-open]) > .list { grid-column: 1 / -1; }
  .desk .reply { padding-inline: 0.625rem; }
  .said { max-width: 92%; }
}
html[dir="rtl"] .back svg, html[dir="rtl"] .details-button svg { transform: scaleX(-1); }
@media (max-width: 30rem) { .desk > header { padding-inline: 0.375rem; gap: 0.25rem; } .desk .tab { padding: 0 0.4rem; font-size: 0.9375rem; gap: 0.25rem; } .me { padding: 0 0.25rem; } .me > svg { display: none; } .judge { padding: 1rem; } .desk .actions button { padding-inline: 0.75rem; } }
@media (forced-colors: active) { .row[aria-current], .pill[aria-pressed="true"], .tab[aria-current] { outline: 2px solid Highlight; outline-offset: -2px; } .bar { fill: CanvasText; } .said .bubble { border: 1px solid; } }
`;

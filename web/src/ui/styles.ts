/**
 * The styles of the open chat.
 *
 * Adopted by `chat.ts`. Lengths that depend on text must be in rem or em, so that a visitor's text size applies.
 */

export const styles = `
.panel, .panel * { box-sizing: border-box; }
.panel button, .panel textarea { font: inherit; color: inherit; }
.panel button { cursor: pointer; touch-action: manipulation; }
.panel button:disabled { cursor: default; }
.panel :focus-visible { outline: 2px solid var(--accent-ink); outline-offset: 2px; }
.panel p, .panel ul, .panel ol { margin: 0; }
.panel a { color: var(--accent-ink); text-decoration-thickness: 1px; text-underline-offset: 0.18em; }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.mark { width: 1.5rem; height: 1.5rem; flex: none; }
.mark .stet { fill: var(--rubric); }

/* header */
.panel > header { display: flex; align-items: center; gap: 0.75rem; padding: 0.75rem 1rem; border-block-end: 1px solid var(--line); background: var(--paper); z-index: 3; }
.brand { display: grid; place-items: center; color: var(--ink); }
.letter { display: grid; place-items: center; width: 1.75rem; height: 1.75rem; border-radius: calc(var(--radius) * 0.64); background: var(--accent); color: var(--on-accent); font: 600 0.9375rem/1 var(--sans); text-transform: uppercase; overflow: hidden; }
.avatar .letter, .avatar .letter img { width: 100%; height: 100%; border-radius: inherit; }
.letter img { width: 100%; height: 100%; object-fit: cover; }
.letter .broken { display: none; }
.letter:has(img:not(.broken)) { background: none; }
.letter img:not(.broken) + b { display: none; }
.empty .letter { width: 3.5rem; height: 3.5rem; font-size: 1.75rem; }
.suggestions { margin-block-start: 1rem; }
.empty:has(+ .suggestions) { margin-block-end: 0; }
.empty + .suggestions { justify-content: center; margin-block: 0 auto; }
.brand .mark { width: 1.75rem; height: 1.75rem; }
.titles { flex: 1; min-width: 0; }
.titles [role="heading"] { font: 600 1.1875rem/1.25 var(--serif); letter-spacing: 0.002em; overflow-wrap: anywhere; }
.status { font-size: 0.8125rem; line-height: 1.35; color: var(--soft); }
.status.away::before { content: ""; display: inline-block; width: 0.5em; height: 0.5em; margin-inline-end: 0.45em; border-radius: 50%; background: var(--rubric); vertical-align: 0.08em; }
button.icon { display: grid; place-items: center; flex: none; width: 2.5rem; height: 2.5rem; padding: 0; border: 0; border-radius: calc(var(--radius) * 0.71); background: none; color: var(--soft); }
button.icon:hover { background: var(--wash); color: var(--ink); }
#menu { position: absolute; inset-block-start: 3.75rem; max-height: calc(100% - 4.25rem); overflow-y: auto; inset-inline-end: 0.75rem; min-width: 13rem; max-width: calc(100% - 1.5rem); padding: 0.375rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--raised); box-shadow: 0 12px 32px var(--shade); }
#menu button { display: flex; width: 100%; padding: 0.55rem 0.75rem; border: 0; border-radius: calc(var(--radius) * 0.64); background: none; text-align: start; align-items: center; gap: 0.75rem; }
#menu button:hover, #menu button:focus-visible { background: var(--wash); }
#menu [role="menuitemcheckbox"]::after { content: ""; margin-inline-start: auto; width: 2rem; height: 1.15rem; border-radius: calc(var(--radius) * 2); border: 1.5px solid var(--edge); background: radial-gradient(circle at 0.5rem 50%, var(--edge) 0.32rem, transparent 0.36rem); }
#menu [aria-checked="true"]::after { border-color: var(--accent-ink); background: radial-gradient(circle at calc(100% - 0.5rem) 50%, var(--on-accent) 0.32rem, transparent 0.36rem) var(--accent); }

/* notices */
.notices { display: grid; background: var(--wash); }
.notice { display: flex; align-items: flex-start; gap: 0.5rem; padding: 0.5rem 0.5rem 0.5rem 1rem; border-block-end: 1px solid var(--line); font-size: 0.875rem; }
.notice:dir(rtl) { padding: 0.5rem 1rem 0.5rem 0.5rem; }
.notice p { flex: 1; padding-block: 0.4rem; white-space: pre-line; overflow-wrap: anywhere; }
.notice button.icon { width: 2rem; height: 2rem; }
.notice svg { width: 16px; height: 16px; }

/* conversation */
.scroll { position: relative; flex: 1; min-height: 0; }
.log { height: 100%; overflow-y: auto; overflow-x: hidden; overflow-anchor: none; overscroll-behavior: contain; scrollbar-width: thin; scrollbar-color: var(--line) transparent; }
.panel .log:focus-visible { outline-offset: -3px; }
.column { display: flex; flex-direction: column; min-height: 100%; max-width: 44rem; margin-inline: auto; padding: 1rem 1rem 1.25rem; }
.column::before { content: ""; margin-block-start: auto; }
.older { align-self: center; margin-block: 0.25rem 0.75rem; font-size: 0.875rem; color: var(--soft); }

.divider { display: flex; align-items: center; gap: 0.875rem; margin-block: 1.5rem 0.75rem; color: var(--soft); font: italic 400 0.875rem/1.3 var(--serif); }
.divider::before, .divider::after { content: ""; flex: 1; height: 3px; background: radial-gradient(circle, var(--line) 1.25px, transparent 1.5px) center / 9px 3px repeat-x; }
.divider.fresh { color: var(--accent-ink); font: 600 0.8125rem/1.3 var(--sans); }
.divider.fresh::before, .divider.fresh::after { height: 1px; background: currentColor; opacity: 0.45; }
.divider.rubric { color: var(--rubric); }
.divider.rubric::before, .divider.rubric::after { background-image: radial-gradient(circle, var(--rubric) 1.25px, transparent 1.5px); opacity: 0.55; }

.bot, .user { margin-block-start: 0.375rem; max-width: 100%; overflow-wrap: anywhere; }
.bot { padding-inline-start: 2.5rem; display: flex; flex-direction: column; align-items: flex-start; gap: 0.5rem; }
.bot.starts { margin-block-start: 1.125rem; }
.bot > header { position: relative; display: flex; align-items: baseline; gap: 0.5rem; margin-block-end: -0.25rem; font-size: 0.8125rem; color: var(--soft); }
.bot .name { font-weight: 600; color: var(--ink); }
.avatar { position: absolute; inset-inline-start: -2.5rem; inset-block-start: -0.2rem; display: grid; place-items: center; width: 1.75rem; height: 1.75rem; border-radius: calc(var(--radius) * 0.64); background: var(--wash); color: var(--ink); }
.avatar.person { border-radius: calc(var(--radius) * 1.4); background: var(--accent); color: var(--on-accent); }
.avatar b { font-weight: 600; text-transform: uppercase; }
.avatar img { width: 100%; height: 100%; object-fit: cover; border-radius: inherit; }
.avatar img:not(.broken) + *, .avatar .broken, .card > .broken { display: none; }
.avatar .mark { width: 1.125rem; height: 1.125rem; }
time { font-variant-numeric: tabular-nums; white-space: nowrap; }

.text { max-width: 100%; }
.text > :not(:last-child) { margin-block-end: 0.5rem; }
.text .heading, .card .heading { font-weight: 600; }
.text ul, .text ol { padding-inline-start: 1.4em; }
.text li > p { margin: 0; }
.text li + li { margin-block-start: 0.2rem; }
.text blockquote { margin: 0; padding-inline-start: 0.875rem; border-inline-start: 3px solid var(--line); color: var(--soft); }
.text code, .custom code { font: 0.875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; background: var(--wash); padding: 0.1em 0.3em; border-radius: calc(var(--radius) * 0.36); }
.text pre, .custom pre { max-width: 100%; margin: 0; padding: 0.75rem 0.875rem; overflow-x: auto; background: var(--wash); border-radius: calc(var(--radius) * 0.71); overflow-wrap: normal; direction: ltr; text-align: left; }
.text pre code, .custom pre code { background: none; padding: 0; }
.text .code { max-width: 100%; border-radius: calc(var(--radius) * 0.71); background: var(--wash); overflow: hidden; }
.code-head { display: flex; align-items: center; justify-content: space-between; padding: 0.25rem 0.25rem 0 0.875rem; font-size: 0.8125rem; color: var(--soft); direction: ltr; }
.panel .code-head .icon { width: 2rem; height: 2rem; }
.bare { position: relative; }
.bare .code-head { position: absolute; inset-block-start: 0.25rem; right: 0; padding: 0 0.25rem; }
.text .bare pre { padding-block-start: 0.75rem; padding-right: 2.75rem; }
.code-head .icon:hover { background: var(--tint); }
.code-head svg { width: 1.0625rem; height: 1.0625rem; }
.code-head .icon:not(.copied) svg + svg, .code-head .copied svg:first-child { display: none; }
.code-head .copied { color: var(--accent-ink); }
.text .code pre { padding-block-start: 0.25rem; border-radius: 0; background: none; }
.panel .code pre:focus-visible { outline-offset: -3px; border-radius: calc(var(--radius) * 0.71); }
.text .media { max-height: 16rem; margin-block: 0.25rem; }
.table { max-width: 100%; overflow-x: auto; }
.table table { border-collapse: collapse; }
.table :is(th, td) { padding: 0.3rem 0.6rem; border: 1px solid var(--line); text-align: start; overflow-wrap: normal; }
.table th { font-weight: 600; background: var(--wash); }
.text hr { border: 0; border-block-start: 1px solid var(--line); margin-block: 0.75rem; }

.user { align-self: flex-end; display: flex; flex-direction: column; align-items: flex-end; max-width: min(85%, 34rem); }
.user.starts { margin-block-start: 1.125rem; }
.bubble { padding: 0.55rem 0.95rem; border-radius: calc(var(--radius) * 1.29) calc(var(--radius) * 1.29) calc(var(--radius) * 0.36) calc(var(--radius) * 1.29); background: var(--bubble); color: var(--on-bubble); white-space: pre-wrap; }
.panel:dir(rtl) .bubble { border-radius: calc(var(--radius) * 1.29) calc(var(--radius) * 1.29) calc(var(--radius) * 1.29) calc(var(--radius) * 0.36); }
.user.failed .bubble { background: none; color: var(--ink); box-shadow: inset 0 0 0 1.5px var(--rubric); }
.state { display: flex; flex-wrap: wrap; justify-content: flex-end; align-items: center; gap: 0.25rem 0.625rem; min-height: 1.375rem; padding-inline: 0.25rem; font-size: 0.8125rem; color: var(--soft); }
.state.failed { color: var(--rubric); }
.waiting { display: inline-flex; gap: 4px; }
.waiting i, .typing i { width: 5px; height: 5px; border-radius: 50%; background: var(--rubric); }
.waiting i { background: var(--edge); animation: beat 1.2s infinite ease-in-out; }
.tick svg { display: block; width: 1rem; height: 1rem; color: var(--accent-ink); }
.waiting i:nth-child(2), .typing i:nth-of-type(2) { animation-delay: 0.16s; }
.waiting i:nth-child(3), .typing i:nth-of-type(3) { animation-delay: 0.32s; }
.trouble { margin-block-start: 0.25rem; font-size: 0.875rem; color: var(--rubric); text-align: end; }

.typing { display: flex; align-items: center; gap: 6px; height: 1.5rem; margin-block-start: 0.875rem; padding-inline-start: 2.5rem; }
.typing i { width: 7px; height: 7px; animation: beat 1.2s infinite ease-in-out; }
@keyframes beat { 0%, 60%, 100% { opacity: 0.35; transform: none; } 30% { opacity: 1; transform: translateY(-3px); } }
.queue { display: flex; align-items: center; gap: 0.75rem; margin-block-start: 1.125rem; color: var(--soft); }
.panel .queue { margin-block-start: 1.125rem; }
.rate { margin-block-start: 1.25rem; padding: 0.875rem 1rem 1rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--raised); }
.rate fieldset { margin: 0; padding: 0; border: 0; }
.rate legend, .rate p { padding: 0; font: 600 1rem/1.3 var(--serif); }
.rate label { position: relative; display: inline-grid; place-items: center; width: 2.75rem; height: 2.75rem; color: var(--edge); cursor: pointer; }
.rate label.on { color: var(--accent-ink); }
.rate label.on svg { fill: currentColor; }
.rate label:hover { color: var(--accent-ink); }
.rate svg { width: 1.75rem; height: 1.75rem; }
.rate [type="radio"] { position: absolute; inset: 0; margin: 0; opacity: 0; cursor: pointer; }
.rate :focus-visible + svg { outline: 2px solid var(--accent-ink); outline-offset: 6px; border-radius: calc(var(--radius) * 0.29); }
.rate .field { border-radius: calc(var(--radius) * 0.86); margin-block-start: 0.5rem; }
.rate .field input { flex: 1; min-width: 0; padding: 0.44rem 0.8rem; border: 0; background: none; outline: none; color: inherit; font: inherit; font-size: max(1rem, 16px); }
.rate .field input::placeholder { color: var(--soft); opacity: 1; }
.panel .rate .field input:focus-visible { outline: none; }

.empty { margin-block: auto; padding: 2rem 1rem; display: grid; justify-items: center; gap: 1rem; text-align: center; color: var(--soft); }
.empty .mark { width: 3.5rem; height: 3.5rem; color: var(--ink); }
.empty p { max-width: 24rem; font: italic 400 1.0625rem/1.5 var(--serif); text-wrap: balance; }

/* what an assistant can show */
.buttons, .rating { display: flex; flex-wrap: wrap; gap: 0.5rem; margin-block: 0.125rem; max-width: 100%; }
.buttons > *, .rating > * { display: inline-flex; align-items: center; gap: 0.4rem; min-height: 2.5rem; padding: 0.4rem 1rem; border: 1.5px solid var(--accent-ink); border-radius: calc(var(--radius) * 1.43); background: var(--raised); color: var(--accent-ink); font-weight: 500; line-height: 1.3; text-align: start; text-decoration: none; transition: background 0.12s, color 0.12s; }
.panel .buttons > button, .panel .rating > button { color: var(--accent-ink); }
.panel .buttons > :not(:disabled):hover, .panel .rating > :not(:disabled):hover { background: var(--tint); }
.panel .buttons > :not(:disabled):active { background: var(--accent); color: var(--on-accent); }
.panel .buttons > :disabled, .panel .rating > :disabled { border-color: var(--line); background: none; color: var(--soft); font-weight: 400; }
.panel .buttons > .chosen:disabled, .panel .rating > .chosen:disabled { border-color: var(--accent-ink); background: var(--tint); color: var(--ink); font-weight: 500; }
.buttons svg, .rating svg { width: 16px; height: 16px; flex: none; color: var(--accent-ink); }
.picture { display: block; border-radius: var(--radius); max-width: 100%; }
.media { display: block; max-width: min(100%, 26rem); max-height: 24rem; height: auto; border-radius: var(--radius); background: var(--wash); }
img.media { min-height: 3rem; min-width: 3rem; object-fit: contain; }
.panel :is(.media, audio, .poster img).broken, :is(.media, audio):not(.broken) + :is(.caption, .poster) { display: none; }
.caption { display: block; padding: 0.5rem 0.875rem; font-size: 0.875rem; color: var(--soft); border: 1px dashed var(--edge); border-radius: var(--radius); }
.panel .poster { display: grid; grid-template-columns: auto 1fr; align-items: center; gap: 0.6rem; width: min(100%, 20rem); padding: 0.75rem 1rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--raised); text-decoration: none; font-weight: 500; }
.poster img { grid-column: span 2; width: 100%; border-radius: calc(var(--radius) * 0.57); }
.poster svg { width: 2.25rem; height: 2.25rem; padding: 0.5rem; border-radius: 50%; background: var(--accent); color: var(--on-accent); box-sizing: border-box; }
.poster:hover { background: var(--tint); }
audio { width: min(100%, 22rem); }
.panel a.file { display: inline-flex; align-items: center; gap: 0.6rem; padding: 0.6rem 1rem; border: 1px solid var(--line); border-radius: calc(var(--radius) * 0.86); background: var(--raised); text-decoration: none; font-weight: 500; }
.file small { font-size: 0.8125rem; font-weight: 400; color: var(--soft); white-space: nowrap; }
.attachments { display: flex; flex-direction: column; align-items: flex-end; gap: 0.375rem; margin-block-start: 0.375rem; max-width: 100%; }
.attachments:first-of-type { margin-block-start: 0; }
.attachments .file { display: inline-flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 0.6rem; padding: 0.5rem 0.875rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--raised); color: var(--ink); }
.photo .media { max-height: 14rem; }
.photo .media:not(.broken) + .file { display: none; }
.file:hover { background: var(--tint); }
.cards { display: flex; width: calc(100% + 4px); gap: 0.75rem; overflow-x: auto; scroll-snap-type: x proximity; padding: 2px 2px 0.5rem; margin-inline: -2px; scrollbar-width: thin; scrollbar-color: var(--line) transparent; }
.carousel { width: 100%; min-width: 0; }
.turner { display: flex; align-items: center; gap: 0.25rem; color: var(--soft); font-size: 0.8125rem; font-variant-numeric: tabular-nums; }
.turner[hidden] { display: none; }
.turner span { min-width: 2.75rem; text-align: center; }
.panel .turner .icon { width: 2.25rem; height: 2.25rem; border: 1px solid var(--line); border-radius: 50%; background: var(--raised); color: var(--accent-ink); }
.panel .turner [aria-disabled="true"] { color: var(--edge); background: none; cursor: default; }
.turner svg:dir(rtl) { transform: scaleX(-1); }
.card { flex: none; width: min(15rem, 80%); display: flex; flex-direction: column; border: 1px solid var(--line); border-radius: var(--radius); background: var(--raised); overflow: hidden; scroll-snap-align: start; }
.card:only-child { width: min(20rem, 100%); }
.card > img { display: block; width: 100%; aspect-ratio: 16 / 10; object-fit: cover; background: var(--wash); }
.card-words { padding: 0.75rem 0.875rem; flex: 1; }
.card-words p:last-child:not(.heading) { font-size: 0.875rem; color: var(--soft); }
.card .buttons { padding: 0 0.875rem 0.875rem; }
.accordion { width: 100%; border: 1px solid var(--line); border-radius: var(--radius); background: var(--raised); overflow: hidden; }
.accordion details + details { border-block-start: 1px solid var(--line); }
.accordion summary, .custom summary { display: flex; align-items: center; justify-content: space-between; gap: 0.75rem; cursor: pointer; padding: 0.65rem 0.95rem; font-weight: 500; list-style: none; }
.panel summary::-webkit-details-marker { display: none; }
.panel summary::after { content: ""; flex: none; width: 0.5rem; height: 0.5rem; margin-block-start: -0.25rem; border: solid var(--edge); border-width: 0 2px 2px 0; transform: rotate(45deg); }
.panel details[open] > summary::after { margin-block-start: 0.25rem; transform: rotate(-135deg); }
.panel summary:hover { background: var(--wash); }
.panel .accordion summary:focus-visible { outline-offset: -3px; border-radius: var(--radius); }
.accordion .text { padding: 0 0.95rem 0.8rem; }
.custom { max-width: 100%; }
details.custom { width: 100%; border: 1px dashed var(--line); border-radius: var(--radius); color: var(--soft); font-size: 0.875rem; }
details.custom pre { border-radius: 0 0 var(--radius) var(--radius); }

.picker { display: grid; gap: 0.25rem; max-width: 100%; font-size: 0.9375rem; color: var(--soft); }
.pick { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; }
.pick input { min-width: 0; max-width: 100%; min-height: 2.5rem; padding: 0.3rem 0.75rem; border: 1.5px solid var(--edge); border-radius: calc(var(--radius) * 0.86); background: var(--raised); color: var(--ink); font: inherit; font-size: max(1rem, 16px); font-variant-numeric: tabular-nums; }
.pick input:disabled { border-color: var(--line); background: none; color: var(--soft); opacity: 1; }
.pick .solid { min-height: 2.5rem; padding: 0.375rem 1rem; border-radius: calc(var(--radius) * 1.43); }
.picked svg { display: block; color: var(--accent-ink); }
.thumbs { display: flex; gap: 0.125rem; margin-block-start: -0.125rem; margin-inline-start: -0.4rem; }
.panel .thumbs .icon { width: 2rem; height: 2rem; }
.thumbs svg { width: 1.125rem; height: 1.125rem; }
.thumbs .down svg { transform: rotate(180deg); }
.panel .thumbs [aria-pressed="true"] { color: var(--accent-ink); }
.thumbs [aria-pressed="true"] svg { fill: var(--tint); }
/* Older replies have thumbs while the pointer or the focus is on them, without taking space. */
.thumbs.older { position: absolute; inset-block-start: 100%; z-index: 1; }
.bot:has(> .older) { position: relative; }
.bot:not(:hover, :focus-within) > .older { opacity: 0; }
@media (hover: none) { .thumbs.older { display: none; } }

/* size */
:host([size="large"]:not([layout="fill"])) { width: min(52rem, 100%); }
:host([size="large"]:not([layout="fill"])) .panel { height: calc(100vh - 7rem); height: calc(100dvh - 7rem); }
:host([size="full"][open]:not([layout="fill"])) { inset: 0; width: 100%; height: 100%; }
:host([size="full"][open]:not([layout="fill"])) .panel { inset: 0 0 var(--covered, 0px); height: auto; border: 0; border-radius: 0; }
:host([size="full"][open]:not([layout="fill"])) .launcher { display: none; }
@media (max-width: 30rem) { .enlarge { display: none !important; } }

/* composer */
.composer { padding: 0.5rem 1rem max(0.875rem, env(safe-area-inset-bottom) - var(--covered, 0px)); background: var(--paper); }
.field { display: flex; align-items: flex-end; gap: 0.25rem; max-width: 42rem; margin-inline: auto; padding: 0.3125rem; border: 1.5px solid var(--edge); border-radius: calc(var(--radius) * 1.71); background: var(--raised); }
.field:focus-within { border-color: var(--accent-ink); box-shadow: 0 0 0 1px var(--accent-ink); }
.field textarea { flex: 1; min-width: 0; min-height: 2.375rem; max-height: 9rem; padding: 0.44rem 0.5rem 0.44rem 0.8rem; border: 0; background: none; resize: none; outline: none; font-size: max(1rem, 16px); line-height: 1.5; field-sizing: content; }
.field textarea:dir(rtl) { padding: 0.44rem 0.8rem 0.44rem 0.5rem; }
.panel .field textarea:focus-visible { outline: none; }
.field textarea::placeholder { color: var(--soft); opacity: 1; }
.panel .send { display: grid; place-items: center; flex: none; width: 2.375rem; height: 2.375rem; padding: 0; border: 0; border-radius: calc(var(--radius) * 1.4); background: var(--accent); color: var(--on-accent); }
.panel .send:disabled { background: var(--wash); color: var(--edge); }
.field .icon { width: 2.375rem; height: 2.375rem; border-radius: calc(var(--radius) * 1.4); }
.dictate.on { color: var(--rubric); }
.jump { position: absolute; inset-block-end: 0.5rem; inset-inline: 0; width: fit-content; margin-inline: auto; display: flex; align-items: center; gap: 0.4rem; min-height: 2.5rem; min-width: 2.5rem; justify-content: center; padding: 0.25rem 0.6rem; border: 1px solid var(--line); border-radius: calc(var(--radius) * 1.43); background: var(--raised); box-shadow: 0 4px 16px var(--shade); font-size: 0.875rem; }
.jump span { padding-inline-start: 0.4rem; }
.panel button.quiet { padding: 0.25rem 0.5rem; min-height: 1.75rem; border: 0; border-radius: calc(var(--radius) * 0.57); background: none; color: var(--accent-ink); font-weight: 500; text-decoration: underline; text-underline-offset: 0.2em; text-decoration-thickness: 1px; }
.panel button.quiet:hover { background: var(--wash); }

/* questions */
.veil { position: absolute; inset: 0; z-index: 5; display: grid; place-items: center; padding: 1rem; background: color-mix(in srgb, var(--paper) 78%, transparent); }
.question { width: min(22rem, 100%); max-height: 100%; overflow: auto; padding: 1.25rem; border: 1px solid var(--line); border-radius: calc(var(--radius) + 4px); background: var(--raised); box-shadow: 0 16px 48px var(--shade); }
.panel .ask { color: var(--ink); font: 600 1.125rem/1.3 var(--serif); margin-block-end: 0.375rem; }
.question p { color: var(--soft); }
.answers { display: flex; justify-content: flex-end; gap: 0.5rem; margin-block-start: 1.125rem; }
.panel .answers button { min-height: 2.5rem; padding: 0.375rem 1rem; border-radius: calc(var(--radius) * 1.43); text-decoration: none; }
.panel .solid { border: 0; background: var(--accent); color: var(--on-accent); font-weight: 500; }
.panel .solid.grave { background: var(--rubric); color: var(--raised); }
.panel ul.sessions { list-style: none; padding: 0; margin-block-start: 0.5rem; }
.sessions button { display: grid; width: 100%; padding: 0.6rem 0.75rem; border: 0; border-radius: calc(var(--radius) * 0.71); background: none; text-align: start; }
.sessions button:hover { background: var(--wash); }
.sessions time { font-size: 0.8125rem; color: var(--soft); }
.preview { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }

/* New messages are animated when they appear. */
@media (prefers-reduced-motion: no-preference) {
  .cards { scroll-behavior: smooth; }
  .arriving { animation: arrive 0.22s ease-out; }
  @keyframes arrive { from { opacity: 0; transform: translateY(4px); } }
}
@media (prefers-reduced-motion: reduce) {
  .panel *, .panel *::before { animation: none !important; transition: none !important; }
}
@media (forced-colors: active) {
  .bubble, .buttons > *, .field, .send { border: 1px solid; }
  .panel { outline: 1px solid; }
  .field:focus-within { outline: 2px solid Highlight; outline-offset: 2px; }
  .waiting i, .typing i { background: CanvasText; }
  .code, .panel .solid { border: 1px solid; }
  .thumbs [aria-pressed="true"] { outline: 2px solid Highlight; }
}
@container chat (max-width: 26rem) {
  .column { padding-inline: 0.875rem; }
  .bot, .typing { padding-inline-start: 0; }
  .bot > header { align-items: center; }
  .avatar { position: static; width: 1.5rem; height: 1.5rem; }
  .composer { padding-inline: 0.625rem; }
}
@media (max-width: 30rem) { .panel > header, .composer { touch-action: pinch-zoom; } }
/* At 400 % zoom, or above a keyboard: leave the height to the conversation. */
@media (max-height: 22rem) {
  .panel > header { padding-block: 0; }
  .brand, .status:not(.away) { display: none; }
  .titles [role="heading"] { font-size: 1rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
  .composer { padding-block: 0.125rem; }
  .field { padding: 0; }
  .field textarea { max-height: 4rem; }
  .column { padding-block: 0.25rem; }
}
@container chat (min-width: 60rem) {
  .panel > header { padding-inline: 1.5rem; }
  .column { padding-block-start: 2rem; }
}
@media print {
  :host([layout="fill"]), :host([layout="fill"]) .panel { display: block; height: auto; overflow: visible; }
  .panel > header button, .composer, .jump, .notices, .state, button.older, .turner, .thumbs, .code-head, .pick button { display: none !important; }
  .scroll, .log, .column { display: block; overflow: visible; height: auto; min-height: 0; }
  .cards { flex-wrap: wrap; }
  .bot, .user { break-inside: avoid-page; }
  .user { margin-inline-start: auto; width: fit-content; }
  .bubble { border: 1px solid; background: none; color: #000; }
}
`;

/** The styles of the teaser. Adopted by `invitation.ts`. */

export const teaserStyles = `
.teaser { all: initial; box-sizing: border-box; color-scheme: var(--scheme); visibility: inherit; position: absolute; inset-block-end: calc(1.25rem + env(safe-area-inset-bottom)); inset-inline-end: calc(5.5rem + env(safe-area-inset-right)); display: flex; align-items: flex-start; width: max-content; max-width: min(18rem, 100% - 6.5rem); max-height: calc(100vh - 2.5rem); border: 1px solid var(--line); border-radius: calc(var(--radius) * 1.29) calc(var(--radius) * 1.29) calc(var(--radius) * 0.43) calc(var(--radius) * 1.29); background: var(--raised); color: var(--ink); box-shadow: 0 8px 24px var(--shade), 0 2px 6px var(--shade); font: 400 1rem/1.45 var(--sans); overflow: auto; overflow-wrap: anywhere; }
.teaser:dir(rtl) { border-radius: calc(var(--radius) * 1.29) calc(var(--radius) * 1.29) calc(var(--radius) * 1.29) calc(var(--radius) * 0.43); }
:host([position="left"]) .teaser { inset-inline: calc(5.5rem + env(safe-area-inset-left)) auto; border-radius: calc(var(--radius) * 1.29) calc(var(--radius) * 1.29) calc(var(--radius) * 1.29) calc(var(--radius) * 0.43); }
.teaser button { all: unset; box-sizing: border-box; cursor: pointer; touch-action: manipulation; }
.teaser .invite { flex: 1; display: flex; align-items: center; gap: 0.75rem; min-width: 0; min-height: 3.4375rem; padding: 0.75rem 0 0.75rem 1rem; border-radius: inherit; }
.teaser .invite:dir(rtl) { padding: 0.75rem 1rem 0.75rem 0; }
.teaser img { flex: none; width: 2rem; height: 2rem; object-fit: cover; border-radius: calc(var(--radius) * 0.64); }
.teaser .refuse { flex: none; display: grid; place-items: center; width: 2rem; height: 2rem; margin: 0.25rem; border-radius: calc(var(--radius) * 0.71); color: var(--soft); font-size: 0.875rem; line-height: 1; }
.teaser button:hover { color: var(--accent-ink); }
.teaser button:focus-visible { outline: 2px solid var(--accent-ink); outline-offset: -3px; }
@media (prefers-reduced-motion: no-preference) {
  .teaser { animation: invite 0.3s cubic-bezier(0.2, 0.8, 0.3, 1); }
  @keyframes invite { from { opacity: 0; transform: translateY(8px) scale(0.98); } }
}
@media (forced-colors: active) { .teaser button:focus-visible { outline-color: Highlight; } }
`;

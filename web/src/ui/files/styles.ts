/** The styles of the files of the next message. Adopted by `attaching.ts` together with `tray.ts`. */

export const trayStyles = `
.panel .tray { list-style: none; display: flex; flex-wrap: wrap; gap: 0.375rem; max-width: 42rem; max-height: 9rem; margin: 0 auto 0.5rem; padding: 0; overflow-y: auto; }
.tray li { display: flex; align-items: center; gap: 0.5rem; max-width: 100%; padding: 0.25rem; padding-inline-start: 0.5rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--raised); }
.tray .failed { border-color: var(--rubric); }
.tray img { width: 2.25rem; height: 2.25rem; margin-inline-start: -0.25rem; object-fit: cover; border-radius: calc(var(--radius) * 0.72); }
.tray .about { display: grid; min-width: 0; font-size: 0.875rem; line-height: 1.3; }
.tray bdi { max-width: 14rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.tray small { font-size: 0.8125rem; color: var(--soft); }
.tray .failed small { color: var(--rubric); }
.tray progress { width: 3.5rem; height: 0.375rem; accent-color: var(--accent); }
.panel .tray .icon { width: 2rem; height: 2rem; }
.tray .icon svg { width: 16px; height: 16px; }
.drop { display: none; }
[data-drop] .drop { position: absolute; inset: 0; z-index: 4; display: grid; place-items: center; margin: 0.5rem; border: 2px dashed var(--accent-ink); border-radius: var(--radius); background: color-mix(in srgb, var(--paper) 88%, transparent); color: var(--accent-ink); font-weight: 600; pointer-events: none; }
@media (forced-colors: active) { .tray li { border: 1px solid; } }
@media print { .tray { display: none; } }
`;

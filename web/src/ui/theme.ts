/**
 * Default colours, fonts and radius, as custom properties.
 *
 * Part of the launcher's styles. A site overrides them with `--manent-…` on the element. Every pair of text and
 * background must have a contrast of at least 4.5:1 in both schemes.
 */

const LIGHT = `
  --ink: var(--manent-text, #1b2033);
  --soft: var(--manent-text-soft, #5a6072);
  --paper: var(--manent-background, #fcfcfa);
  --raised: var(--manent-surface, #ffffff);
  --wash: var(--manent-wash, #f1f2f0);
  --line: var(--manent-line, #dfe1de);
  --edge: var(--manent-edge, #7d8394);
  --accent: var(--manent-accent, #2c3e91);
  --fallback: #fff;
  --readable: min(l, 0.5);
  --tint: color-mix(in srgb, var(--accent) 8%, var(--raised));
  --rubric: var(--manent-rubric, #b4321f);
  --bubble: var(--manent-user-background, var(--accent));
  --shade: rgb(22 27 48 / 16%);
  --scheme: light;
`;

const DARK = `
  --ink: var(--manent-text, #e9e8e3);
  --soft: var(--manent-text-soft, #a5aabb);
  --paper: var(--manent-background, #14161e);
  --raised: var(--manent-surface, #1c1f2a);
  --wash: var(--manent-wash, #20232e);
  --line: var(--manent-line, #2e3240);
  --edge: var(--manent-edge, #7f869b);
  --accent: var(--manent-accent, #a9b6ff);
  --fallback: #14182c;
  --readable: max(l, 0.75);
  --tint: color-mix(in srgb, var(--accent) 12%, var(--raised));
  --rubric: var(--manent-rubric, #ff8d78);
  --bubble: var(--manent-user-background, #3a4990);
  --shade: rgb(0 0 0 / 50%);
  --scheme: dark;
`;

/** White on a dark colour and black on a light colour, with a contrast of at least 4.5:1. */
const textOn = (background: string): string => `lab(from var(${background}) calc((49.5 - l) * 9999) 0 0)`;

export const theme = `
:host {
  ${LIGHT}
  --sans: var(--manent-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif);
  --serif: var(--manent-heading-font, "Iowan Old Style", "Palatino Linotype", Palatino, "URW Palladio L", P052, "Noto Serif", Georgia, serif);
  --radius: var(--manent-radius, 14px);
  --on-accent: var(--manent-on-accent, var(--fallback));
  --on-bubble: var(--manent-user-text, #fff);
  --accent-ink: var(--accent);
}
/* If a site sets only a background colour, the text is white or black, and links have the hue of the background. */
@supports (color: lab(from red l 0 0)) { :host { --on-accent: var(--manent-on-accent, ${textOn("--accent")}); --on-bubble: var(--manent-user-text, ${textOn("--bubble")}); --accent-ink: oklch(from var(--accent) var(--readable) c h); } }
@media (prefers-color-scheme: dark) { :host(:not([theme="light"])) { ${DARK} } }
:host([theme="dark"]) { ${DARK} }
`;

/** Which addresses may become a link or a source. Everything else stays text. */

const LINKS = new Set(["http:", "https:", "mailto:", "tel:", "sms:"]);
const SOURCES = new Set(["http:", "https:", "blob:"]);
const INLINE_IMAGE = /^data:image\/(png|jpeg|gif|webp|avif);/i;

function resolve(address: string, base: string): URL | null {
  try {
    return new URL(address, base); // also removes the control characters that hide a protocol
  } catch {
    return null;
  }
}

/** The address to put into `href`, or null when it must not be one. */
export function safeLink(address: string, base: string): string | null {
  const url = resolve(address, base);
  return url !== null && LINKS.has(url.protocol) ? url.href : null;
}

/** The address to put into `src`, or null when it must not be one. */
export function safeSource(address: string, base: string): string | null {
  const url = resolve(address, base);
  if (url === null) return null;
  return SOURCES.has(url.protocol) || INLINE_IMAGE.test(url.href) ? url.href : null;
}

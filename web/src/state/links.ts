/**
 * Decides which URLs are allowed in links and sources.
 *
 * Called by the views. Pure. Must reject every scheme that can run code, such as `javascript:`.
 */

const LINKS = new Set(["http:", "https:", "mailto:", "tel:", "sms:"]);
const SOURCES = new Set(["http:", "https:", "blob:"]);
const INLINE_IMAGE = /^data:image\/(png|jpeg|gif|webp|avif);/i;

function resolve(address: string, base: string): URL | null {
  try {
    return new URL(address, base); // also removes control characters that could hide a scheme
  } catch {
    return null;
  }
}

/** Return the URL for `href`, or null if it is not allowed. */
export function safeLink(address: string, base: string): string | null {
  const url = resolve(address, base);
  return url !== null && LINKS.has(url.protocol) ? url.href : null;
}

/** Return the URL for `src`, or null if it is not allowed. */
export function safeSource(address: string, base: string): string | null {
  const url = resolve(address, base);
  if (url === null) return null;
  return SOURCES.has(url.protocol) || INLINE_IMAGE.test(url.href) ? url.href : null;
}

const PLAYERS = /(^|\.)(youtube\.com|youtube-nocookie\.com|youtu\.be|vimeo\.com|dailymotion\.com|loom\.com)$/;

/** Return whether a URL is a page that plays a video instead of a video file. */
export function isPlayer(address: string): boolean {
  return PLAYERS.test(new URL(address).hostname);
}

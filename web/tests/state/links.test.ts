import { describe, expect, it } from "vitest";

import { safeLink, safeSource } from "../../src/state/links";

describe("addresses", () => {
  it.each([
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "\u0001javascript:alert(1)",
    " javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "blob:https://a.example/1",
    "javascript&colon;alert(1)//https:",
    "http://[",
    "view-source:https://a.example",
  ])("%j never becomes a link that runs code", (address) => {
    const link = safeLink(address, "https://bot.example/");

    expect(link === null || /^https?:\/\//.test(link)).toBe(true);
    expect(link ?? "").not.toMatch(/^(javascript|data|vbscript|file|blob|view-source):/i);
  });

  it("allows the web, mail and telephone, and resolves against the server", () => {
    expect(safeLink("https://a.example/b", "https://bot.example/")).toBe("https://a.example/b");
    expect(safeLink("mailto:a@b.example", "https://bot.example/")).toBe("mailto:a@b.example");
    expect(safeLink("/rooms", "https://bot.example/")).toBe("https://bot.example/rooms");
    expect(safeSource("data:image/png;base64,AAAA", "https://bot.example/")).toBe(
      "data:image/png;base64,AAAA",
    );
    expect(safeSource("data:image/svg+xml,<svg onload=alert(1)>", "https://bot.example/")).toBe(null);
    expect(safeSource("javascript:alert(1)", "https://bot.example/")).toBe(null);
  });
});

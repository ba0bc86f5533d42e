import { describe, expect, it, vi } from "vitest";

import { due, readRules, ruleFor, type Rule } from "../../../src/ui/proactive/rules";

const read = (attributes: Record<string, string>): Rule[] => readRules((name) => attributes[name] ?? null);

const teaserOn = (rules: readonly Rule[], path: string): string | undefined => ruleFor(rules, path)?.teaser;

describe("rules", () => {
  it("are read from the attributes, the rules for pages first", () => {
    const rules = read({
      teaser: " Hello ",
      "open-after": "30",
      proactive: '[{"pages": "/prices", "teaser": "Questions?", "teaser_after": 0, "payload": "/prices"}]',
    });

    expect(rules).toEqual([
      { pages: ["/prices"], teaser: "Questions?", teaser_after: 0, payload: "/prices", open_after: null },
      { pages: [], teaser: "Hello", teaser_after: 5, payload: "", open_after: 30 },
    ]);
  });

  it("apply to the pages that match: the first rule is used", () => {
    const rules = read({
      teaser: "all",
      proactive: JSON.stringify([
        { pages: ["/shop/*", "!/shop/checkout*"], teaser: "shop" },
        { pages: ["*.html"], teaser: "page" },
        { pages: ["!/legal", "!/shop/*"], teaser: "most" },
      ]),
    });

    expect(teaserOn(rules, "/shop/shoes/1")).toBe("shop");
    expect(teaserOn(rules, "/shop/checkout/pay")).toBe("all");
    expect(teaserOn(rules, "/a.html")).toBe("page");
    expect(teaserOn(rules, "/a_html")).toBe("most");
    expect(teaserOn(rules, "/legal/")).toBe("all");
    expect(teaserOn(read({ proactive: '[{"pages": "/prices/", "teaser": "x"}]' }), "/prices")).toBe("x");
  });

  it("that cannot be read are reported and ignored", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);

    expect(read({ proactive: "{", teaser: "Hello" }).map(({ teaser }) => teaser)).toEqual(["Hello"]);
    expect(read({ proactive: "{}" }).length).toBe(1);
    expect(warn).toHaveBeenCalledTimes(2);
    warn.mockRestore();
  });

  it("are due after their times", () => {
    const [rule] = read({ teaser: "Hello", "teaser-after": "2", "open-after": "4" });

    expect([0, 1.9, 2, 3.9, 4].map((elapsed) => due(rule!, elapsed))).toEqual([
      null,
      null,
      "teaser",
      "teaser",
      "open",
    ]);
    expect(due(null, 100)).toBeNull();
    expect(due(read({})[0]!, 100)).toBeNull();
  });
});

import { describe, expect, it } from "vitest";

import { inlines, parseMarkdown, type Block, type Inline } from "../../src/state/markdown";

function words(nodes: readonly Inline[]): string {
  return nodes
    .map((node) => {
      switch (node.kind) {
        case "text":
        case "code":
          return node.kind === "code" ? `\`${node.text}\`` : node.text;
        case "break":
          return "⏎";
        case "link":
          return `[${words(node.inlines)}](${node.href})`;
        case "image":
          return `![${node.alt}](${node.src})`;
        default:
          return `<${node.kind}>${words(node.inlines)}</${node.kind}>`;
      }
    })
    .join("");
}

function outline(blocks: readonly Block[]): string {
  return blocks
    .map((block) => {
      switch (block.kind) {
        case "paragraph":
        case "heading":
          return `${block.kind[0]}:${words(block.inlines)}`;
        case "list":
          return `${block.ordered ? `ol${block.start}` : "ul"}(${block.items.map(outline).join(" | ")})`;
        case "quote":
          return `q(${outline(block.blocks)})`;
        case "code":
          return `code(${block.text})`;
        case "rule":
          return "rule";
      }
    })
    .join(" ");
}

describe("blocks", () => {
  it.each([
    ["a\nb", "p:a⏎b"],
    ["a\n\nb", "p:a p:b"],
    ["# Title\ntext", "h:Title p:text"],
    ["- one\n- two", "ul(p:one | p:two)"],
    ["* one\n  more\n* two", "ul(p:one⏎more | p:two)"],
    ["3. three\n4. four", "ol3(p:three | p:four)"],
    ["- a\n  - b\n    - c\n- d", "ul(p:a ul(p:b ul(p:c)) | p:d)"],
    ["> quoted\n> twice\nafter", "q(p:quoted⏎twice) p:after"],
    ["```js\nlet a = *b*;\n```\nx", "code(let a = *b*;) p:x"],
    ["```\nnever closed", "code(never closed)"],
    ["a\n---\nb", "p:a rule p:b"],
    ["2 - 1 = 1", "p:2 - 1 = 1"],
    ["-5 degrees", "p:-5 degrees"],
    ["", ""],
  ])("%j", (text, expected) => {
    expect(outline(parseMarkdown(text))).toBe(expected);
  });
});

describe("marks", () => {
  it.each([
    ["**bold** and *thin*", "<strong>bold</strong> and <em>thin</em>"],
    ["**a *b* c**", "<strong>a <em>b</em> c</strong>"],
    ["snake_case_name and __init__", "snake_case_name and <strong>init</strong>"],
    ["2 * 3 * 4", "2 * 3 * 4"],
    ["a `*b*` c", "a `*b*` c"],
    ["~~old~~", "<strike>old</strike>"],
    ["\\*not\\*", "*not*"],
    ["[home](https://a.example/x_(y))", "[home](https://a.example/x_(y))"],
    ['[home](https://a.example "Title")', "[home](https://a.example)"],
    ["see https://a.example/b.", "see [https://a.example/b](https://a.example/b)."],
    ["(https://a.example)", "([https://a.example](https://a.example))"],
    ["www.a.example", "[www.a.example](https://www.a.example)"],
    ["<https://a.example>", "[https://a.example](https://a.example)"],
    ["**open", "**open"],
    ["[broken](", "[broken]("],
    ["<b>html</b> &amp;", "<b>html</b> &amp;"],
    ["{price} for _you_!", "{price} for <em>you</em>!"],
  ])("%j", (text, expected) => {
    expect(words(inlines(text))).toBe(expected);
  });

  it("reads hostile input in bounded time", () => {
    for (const piece of ["*", "**a", "_", "[", "[a](", "`", "> ", "- ", "~~x", "![", "<http://"]) {
      const before = process.cpuUsage(); // other programs may be at work as well
      parseMarkdown(piece.repeat(Math.ceil(20_000 / piece.length)));
      expect(process.cpuUsage(before).user / 1000).toBeLessThan(500);
    }
  });
});

describe("blocks with blank lines and columns", () => {
  it("keeps a list whole when blank lines separate its items", () => {
    expect(parseMarkdown("1. one\n\n2. two\n\n\n3. three\n\ntext")).toMatchObject([
      { kind: "list", ordered: true, items: [{}, {}, {}] },
      { kind: "paragraph" },
    ]);
  });

  it("ends code only at a closing fence", () => {
    expect(parseMarkdown("```\na\n\n```js is not the end\n```\nb")).toEqual([
      { kind: "code", text: "a\n\n```js is not the end", language: "" },
      { kind: "paragraph", inlines: [{ kind: "text", text: "b" }] },
    ]);
  });

  it("reads a table, with as many cells in each row as in the head", () => {
    const cell = (text: string) => [{ kind: "text", text }];
    expect(parseMarkdown("| a | b\\|c |\n|:--|---|\n| 1 |\n| 2 | 3 | 4 |\n\nend")).toMatchObject([
      {
        kind: "table",
        head: [cell("a"), cell("b|c")],
        rows: [
          [cell("1"), []],
          [cell("2"), cell("3")],
        ],
      },
      { kind: "paragraph" },
    ]);
    expect(parseMarkdown("a | b\nno rule")[0]!.kind).toBe("paragraph");
  });

  it("reads an image, and leaves a lone exclamation mark", () => {
    expect(inlines("see ![a cat](https://x/c.png)!")).toEqual([
      { kind: "text", text: "see " },
      { kind: "image", src: "https://x/c.png", alt: "a cat" },
      { kind: "text", text: "!" },
    ]);
  });

  it("takes little time for hostile tables and lists", () => {
    const started = performance.now();
    parseMarkdown(`|${" -".repeat(20_000)}x\n`.repeat(3));
    parseMarkdown("- a\n\n".repeat(20_000));
    parseMarkdown(`a|b\n${"-|".repeat(20_000)}x`);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

it("reads the language of code", () => {
  const language = (text: string): unknown =>
    parseMarkdown(text).map((block) => ("language" in block ? block.language : null));

  expect(language("```Python title=x\na\n```")).toEqual(["python"]);
  expect(language("~~~ js {1}\na\n~~~")).toEqual(["js"]);
  expect(language("```js,linenos\na\n```")).toEqual(["js"]);
  expect(language("```\na\n```")).toEqual([""]);
});

import { describe, expect, it } from "vitest";

import { LANGUAGES } from "../../../src/ui/highlight/grammars";
import { tokens } from "../../../src/ui/highlight/tokens";

const kinds = (code: string, language: string): string =>
  (tokens(code, language) ?? []).map(([kind, text]) => (kind === "" ? text : `<${kind}:${text}>`)).join("");

describe("tokens", () => {
  it("colours comments, strings, numbers, keywords and names", () => {
    expect(kinds('const a = f(1.5, "x\\"y"); // done', "js")).toBe(
      '<keyword:const> a = <name:f>(<number:1.5>, <string:"x\\"y">); <comment:// done>',
    );
    expect(kinds('@app.get\ndef run(x):\n  """a\nb"""\n  return None # no', "python")).toBe(
      '<name:@app.get>\n<keyword:def> <name:run>(x):\n  <string:"""a\nb""">\n  <keyword:return> <keyword:None> <comment:# no>',
    );
    expect(kinds('{"a": [1, "b", true]}', "json")).toBe(
      '{<name:"a">: [<number:1>, <string:"b">, <keyword:true>]}',
    );
    expect(kinds("select a FROM t -- all", "sql")).toBe(
      "<keyword:select> a <keyword:FROM> t <comment:-- all>",
    );
    expect(kinds("intents:\n  - greet # first", "yaml")).toBe("<name:intents>:\n  - greet <comment:# first>");
    expect(kinds('<a href="x">&amp;</a>', "html")).toBe(
      '<keyword:<a> <name:href>=<string:"x"><keyword:>><number:&amp;><keyword:</a>>',
    );
    expect(kinds("-old\n+new\n same", "diff")).toBe("<removed:-old>\n<added:+new>\n same");
    expect(kinds("echo $HOME --all", "bash")).toBe("<keyword:echo> <name:$HOME> <number:--all>");
  });

  it("has no colours for unknown languages and long code", () => {
    expect(tokens("x", "klingon")).toBeNull();
    expect(tokens("x", "constructor")).toBeNull();
    expect(tokens("x".repeat(20_001), "js")).toBeNull();
  });

  it("never changes the code, and reads hostile code quickly", () => {
    const hostile = [
      '"',
      "'",
      "`",
      "/*",
      "<!--",
      "a".repeat(50),
      "\\",
      "a=",
      " ",
      "#",
      "{",
      "-",
      "1e",
      '"""',
    ];
    const started = performance.now();
    for (const language of LANGUAGES.keys())
      for (const piece of hostile) {
        const code = piece.repeat(Math.floor(4_000 / piece.length));
        expect(
          tokens(code, language)!
            .map(([, text]) => text)
            .join(""),
        ).toBe(code);
      }

    expect(performance.now() - started).toBeLessThan(30_000);
  });
});

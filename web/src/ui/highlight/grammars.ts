/**
 * The rules of the languages whose code is coloured.
 *
 * A rule is one expression with a group for each kind of piece. Words that are not keywords stay plain. Contains data
 * only.
 */

export interface Grammar {
  readonly pattern: RegExp;
  readonly keywords?: ReadonlySet<string>;
  /** Whether keywords can have any case. */
  readonly ignoreCase?: boolean;
}

const DOUBLE = String.raw`"(?:[^"\\\n]|\\[\s\S])*"?`;
const SINGLE = String.raw`'(?:[^'\\\n]|\\[\s\S])*'?`;
const BACKTICK = "`(?:[^`\\\\]|\\\\[\\s\\S])*`?";
const TRIPLE = String.raw`"""[\s\S]*?(?:"""|$(?![\s\S]))|'''[\s\S]*?(?:'''|$(?![\s\S]))`;
const SLASHES = String.raw`\/\/.*|\/\*[\s\S]*?(?:\*\/|$(?![\s\S]))`;
const HASH = String.raw`(?<!\S)#.*`;
const NUMBER = String.raw`\b0[xXbBoO][\da-fA-F_]+n?\b|\b\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?[a-zA-Z%]*`;
const WORD = String.raw`[A-Za-z_$][\w$]*`;

/** Build a rule. Earlier kinds take precedence. */
function rule(kinds: Readonly<Record<string, string>>, keywords = "", ignoreCase = false): Grammar {
  const parts = Object.entries(kinds).map(([kind, source]) => `(?<${kind}>${source})`);
  return { pattern: new RegExp(parts.join("|"), "gm"), keywords: new Set(keywords.split(" ")), ignoreCase };
}

const BRACES =
  "abstract as async await bool boolean break byte case catch char class const continue default defer delete do double else enum " +
  "export extends false final finally float fn for foreach from func fun function go goto if impl implements import in " +
  "instanceof int interface internal is lateinit let long loop match mod module mut namespace new nil null of operator " +
  "override package private protected pub public readonly return sealed self short signed sizeof static string struct super " +
  "suspend switch this throw throws trait true try type typedef typeof undefined union unsafe unsigned use using val var virtual " +
  "void when where while with yield";

const PYTHON =
  "and as assert async await break case class continue def del elif else except False finally for from global if import in is " +
  "lambda match None nonlocal not or pass raise return self True try while with yield";

const RUBY =
  "alias and begin break case class def defined do else elsif end ensure false for if in module next nil not or redo rescue " +
  "require retry return self super then true undef unless until when while yield";

const SHELL =
  "case cd curl do docker done echo elif else esac exit export fi for function git if in local make npm npx pip python read " +
  "return set source sudo then unset until while";

const SQL =
  "add all alter and as asc begin between by case cascade commit constraint create cross default delete desc distinct drop else " +
  "end exists foreign from full group having if in index inner insert into is join key left like limit not null offset on or " +
  "order outer primary references returning right rollback select set table then union unique update using values view when " +
  "where with";

export const GRAMMARS: Readonly<Record<string, Grammar>> = {
  braces: rule(
    { comment: SLASHES, string: `${DOUBLE}|${SINGLE}|${BACKTICK}`, number: NUMBER, word: WORD },
    BRACES,
  ),
  python: rule(
    {
      comment: "#.*",
      string: `${TRIPLE}|${DOUBLE}|${SINGLE}`,
      name: String.raw`@[\w.]+`,
      number: NUMBER,
      word: WORD,
    },
    PYTHON,
  ),
  ruby: rule({ comment: "#.*", string: `${DOUBLE}|${SINGLE}`, number: NUMBER, word: WORD }, RUBY),
  shell: rule(
    {
      comment: HASH,
      string: String.raw`${DOUBLE}|'[^']*'?`,
      name: String.raw`\$\{?[\w@#?*!]+\}?`,
      number: String.raw`(?<=\s)--?[A-Za-z][\w-]*`,
      word: String.raw`[A-Za-z_][\w-]*`,
    },
    SHELL,
  ),
  yaml: rule({
    comment: HASH,
    name: String.raw`^[ \t-]*[\w."'/-]+(?=[ \t]*:(?:\s|$))`,
    string: `${DOUBLE}|${SINGLE}`,
    keyword: String.raw`\b(?:true|false|null|yes|no|on|off)\b`,
    number: NUMBER,
  }),
  ini: rule({
    comment: String.raw`^[ \t]*[#;].*`,
    keyword: String.raw`^[ \t]*\[[^\]\n]*\]?`,
    name: String.raw`^[ \t]*[\w.-]+(?=[ \t]*[=:])`,
    string: `${DOUBLE}|${SINGLE}`,
    number: NUMBER,
  }),
  json: rule({
    comment: SLASHES,
    name: String.raw`"(?:[^"\\\n]|\\.)*"(?=[ \t]*:)`,
    string: DOUBLE,
    keyword: String.raw`\b(?:true|false|null)\b`,
    number: NUMBER,
  }),
  sql: rule(
    {
      comment: String.raw`--.*|\/\*[\s\S]*?(?:\*\/|$(?![\s\S]))`,
      string: `'[^']*'?`,
      number: NUMBER,
      word: WORD,
    },
    SQL,
    true,
  ),
  markup: rule({
    comment: String.raw`<!--[\s\S]*?(?:-->|$(?![\s\S]))`,
    keyword: String.raw`<[\/!?]?[\w:-]+|\/?>`,
    name: String.raw`(?<![\w:@.-])[\w:@.-]{1,60}(?==["'])`,
    string: String.raw`(?<==)"[^"]*"?|(?<==)'[^']*'?`,
    number: String.raw`&[#\w]{1,12};`,
  }),
  css: rule({
    comment: SLASHES,
    string: `${DOUBLE}|${SINGLE}`,
    keyword: String.raw`@[\w-]+|!important`,
    name: String.raw`(?<![\w-])[\w-]{1,60}(?=[ \t]{0,9}:\s)`,
    number: String.raw`#[\da-fA-F]{3,8}\b|-?\b\d+(?:\.\d+)?[a-z%]*`,
  }),
  diff: rule({
    comment: String.raw`^@@.*|^(?:---|\+\+\+|diff|index) .*`,
    added: String.raw`^\+.*`,
    removed: "^-.*",
  }),
};

/** Name after the fence → name of the rule. */
export const LANGUAGES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    braces:
      "js javascript jsx mjs cjs ts typescript tsx java c h cpp c++ cc hpp cs csharp c# go golang rust rs kotlin kt kts swift php " +
      "scala dart groovy objc proto graphql",
    python: "python py python3 pycon",
    ruby: "ruby rb",
    shell: "sh bash shell zsh console terminal dockerfile docker makefile powershell ps1",
    yaml: "yaml yml",
    ini: "ini toml conf properties env dotenv",
    json: "json json5 jsonc",
    sql: "sql postgres postgresql mysql sqlite",
    markup: "html xml svg vue svelte xhtml",
    css: "css scss less",
    diff: "diff patch",
  }).flatMap(([grammar, names]) => names.split(" ").map((name) => [name, grammar] as const)),
);

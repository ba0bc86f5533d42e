/** The colours of code. Each has a contrast of at least 4.5:1 on the default background of code. */

const LIGHT = `--code-comment: #5f6577; --code-string: #1f6b3b; --code-number: #92430c; --code-keyword: #7a2a9e; --code-name: #1f4fa3;`;
const DARK = `--code-comment: #a0a6b8; --code-string: #9bd9ae; --code-number: #f2bb8c; --code-keyword: #d3aefc; --code-name: #9cc4ff;`;

export const codeStyles = `
:host { ${LIGHT} }
@media (prefers-color-scheme: dark) { :host(:not([theme="light"])) { ${DARK} } }
:host([theme="dark"]) { ${DARK} }
.code-comment { color: var(--code-comment); font-style: italic; }
.code-string, .code-added { color: var(--code-string); }
.code-number { color: var(--code-number); }
.code-removed { color: var(--rubric); }
.code-keyword { color: var(--code-keyword); }
.code-name { color: var(--code-name); }
`;

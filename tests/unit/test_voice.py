"""Phrases that readers stumble over stay out of docstrings, comments, messages and documents.

Each pattern has a plainer replacement. Add a pattern when a reader stumbles, and a folder when its texts are rewritten.
"""

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FOLDERS = ("bench", "src/manent", "tools")

DOCUMENTS = ("*.md", "docs/**/*.md", "examples/*/README.md", "web/*.md", "web/client/*.md")

PATTERNS = {
    r"\b(who|what|which|how|when|where)(so)?ever\b(?<!however)": "name it: anyone who, any, each",
    r"\b(thereof|thereby|hereby|herein|wherein|whereof|hitherto|hence|whom)\b": "a plain sentence",
    r"\banew\b": "again",
    r"\bat (hand|work)\b": "in memory, loaded; running, active",
    r"\b(let|lets|letting|have|has) (go|gone) of\b": "release, drop",
    r"\b(is|are|was|were|be|been|being|get|gets) told\b": "is notified, receives",
    r"\btells? (him|her|them|nobody|everybody|somebody|of)\b": "notifies, reports",
    r"\b(go|goes|going|went|gone) on\b": "continue",
    r"(?<!there )\b(is|are|was|were) no (?!(more|less) than\b|different\b|[a-z]+er\b)[a-z]+": "is not a …",
    r"\bno more(?! than\b| [a-z]+s\b| [a-z]+ is\b)": "no longer, not again",
    r"\bcounts? (no|for nothing|as naught)\b": "is not valid, has no effect",
    r"\bmean(s|t)? (nothing|something)\b|\bhas no meaning (here|to)\b": "has no effect, has an effect",
    r"\b(has|have|had) to do with\b": "concerns, uses",
    r"\b(has|have|had) to be\b": "must be",
    r"\bshall\b": "must, will, or present tense",
    r"\bmade? known\b": "publish, report",
    r"\b(learn|learns|word) of\b": "is notified of",
    r"\b(see|sees|seen) to\b": "ensure, handle",
    r"\bcomes? to (nothing|pass)\b|\bcame to be\b": "fails, happens",
    r"\b(somebody|someone|everybody|anybody) (has to|must|else)\b|\bsomebody\b": "name the actor",
    r"\ball that (is|was|are|were|there)\b": "everything in …, all …",
    r"\bthat there (is|are|was|were)\b": "that exists",
    r"\bwhat (is|was|are|were|there is) (said|told|meant|asked|there|left|wrong|given)\b": "name it: the message, …",
    r"\b(what|all) (comes?|came|stands?|stood|follows|remains|goes)\b": "name it: the rest, the next events",
    r"\bmakes? of (it|them|a|an|the|this|each|every)\b|\bmade of it\b": "the result of …",
    r"\b(speak|speaks|spoke|spoken) of\b": "mention, name, is about",
    r"\bstands? (there|in|under|beside|behind|before|after)\b": "is in, is listed under",
    r"\b(bidden|heed|heeds|beware|lest|foretell|foretells|foretold|mend|mends|mended)\b": "a plain verb: fix, predict",
    r"\b(seldom|in vain|by heart|of old|for good|nothing but)\b": "rarely; permanently; only",
    r"\bto be had\b|\b(is|are) to be [a-z]+ed\b": "available; must be …",
    r"\b(is|are) to (?!be\b)(?=(do|say|have|hold|go|know|mean)\b)": "must, will",
    r"(?<!instead )\bof (one|its|their|our|your|his|her|the [a-z]+)('s)? own\b|\bof ours\b": "custom, its own …",
    r"\bone [\w`: …]{2,20} an? (file|item|line|rule|session|turn)\b": "one … per …",
}
"""Pattern → what to write instead. Case is ignored, and so are line breaks."""

STRING_OR_COMMENT = re.compile(
    r'''"""(?:\\.|[^\\])*?"""|\'\'\'(?:\\.|[^\\])*?\'\'\'|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|#[^\n]*''', re.DOTALL
)


@functools.cache
def texts() -> list[tuple[str, str]]:
    """Return (place, text) of comments and strings in `FOLDERS` and of paragraphs in `DOCUMENTS`, each on one line."""
    found = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            place = path.relative_to(ROOT)
            found += [(f"{place}:{line}", text) for line, text in prose(path.read_text(encoding="utf-8"))]
    for path in sorted(path for pattern in DOCUMENTS for path in ROOT.glob(pattern)):
        place = path.relative_to(ROOT)
        found += [(f"{place}:{line}", text) for line, text in paragraphs(path.read_text(encoding="utf-8"))]
    return found


def prose(source: str) -> list[tuple[int, str]]:
    """Return line and text of each string and each block of comments. Values in f-strings become `{}`."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.JoinedStr():
                parts = (str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values)
                found.append((node.lineno, "".join(parts)))
            case ast.Constant(value=str(text)):
                found.append((node.lineno, text))
            case _:
                pass
    comments: dict[int, str] = {}
    for token in STRING_OR_COMMENT.finditer(source):
        if token[0].startswith("#"):
            line = source.count("\n", 0, token.start()) + 1
            before = comments.pop(line - 1, "")  # a block of comments is one text, under its last line
            comments[line] = f"{before} {token[0].lstrip('# ')}"
    return [(line, " ".join(text.split())) for line, text in [*found, *comments.items()]]


def paragraphs(document: str) -> list[tuple[int, str]]:
    """Return line and text of each paragraph, list item, heading and table row, without code and link targets."""
    document = re.sub(r"^```.*?^```", lambda code: "\n" * code[0].count("\n"), document, flags=re.MULTILINE | re.DOTALL)
    document = re.sub(
        r"(?<=\])\([^)\s]*\)", "", re.sub(r"`[^`]*`", lambda code: "`" + "\n" * code[0].count("\n"), document)
    )
    found: list[tuple[int, str]] = []
    is_open = False
    for line, text in enumerate(document.splitlines(), start=1):
        if is_open and text.strip() and not re.match(r"\s*(\||#|[-*] |\d+\. )", text):
            start, earlier = found[-1]
            found[-1] = start, f"{earlier} {text.strip()}"
        elif text.strip():
            found.append((line, text.strip()))
        is_open = bool(text.strip()) and not text.startswith("#")
    return found


@pytest.mark.parametrize("pattern", PATTERNS)
def test_plain_english(pattern: str) -> None:
    """No text contains the pattern."""
    expression = re.compile(pattern, re.IGNORECASE)
    found = [
        f"{place}: …{text[max(0, match.start() - 50) : match.end() + 50]}…"
        for place, text in texts()
        if (match := expression.search(text))
    ]

    assert not found, f"write instead: {PATTERNS[pattern]}\n" + "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "The server generates the id anew",
        "whoever reaches this port",
        "the store is no database",
        "what is said when a custom action fails",
        "somebody has to go on with it",
        "a number that there is not",
        "tokens that count no more",
        "the rules that speak of a slot",
        "classes of one's own",
        "one option a line",
        "What comes after it is read from the store",
    ],
)
def test_quaint_texts_are_found(text: str) -> None:
    """Each of these texts contains a pattern."""
    assert any(re.search(pattern, text, re.IGNORECASE) for pattern in PATTERNS)


@pytest.mark.parametrize(
    "text",
    [
        "the token is no longer valid",
        "The server stores the turn, then sends the reply.",
        "None: there is no reminder.",
        "It needs no more results.",
        "a confidence is no higher than 1",
        "However, the file itself is not changed.",
        "once a second",
        "Return the head, or None if there is none.",
    ],
)
def test_plain_texts_are_not_found(text: str) -> None:
    """None of these texts contains a pattern."""
    assert [pattern for pattern in PATTERNS if re.search(pattern, text, re.IGNORECASE)] == []


def test_prose() -> None:
    """Strings, f-strings and blocks of comments are found, each as one line."""
    source = '"""First\n    second."""\n# one\n# two\nx = f"{a} is {b}"\n'

    assert [text for _, text in prose(source)] == ["First second.", "{} is {}", "is", "one two"]


def test_paragraphs() -> None:
    """Paragraphs, list items and table rows are found, each as one line, without code and link targets."""
    document = "# Title\nOne `a\nb` two\nthree.\n\n```sh\ncode\n```\n- [item](target.md)\n  more\n| row |\n"

    assert paragraphs(document) == [
        (1, "# Title"),
        (2, "One ` two three."),
        (9, "- [item] more"),
        (11, "| row |"),
    ]

"""Determines what a Markdown file of format 1.x contains, and returns its lines without comments.

Called by `reading`. It does no I/O. The content of a file determines whether it is training data. The file name only
identifies pages such as a README.
"""

import re
from pathlib import Path
from typing import Literal

MarkdownKind = Literal["nlu", "responses", "stories"]

FORM_PREFIX = re.compile(r"([*-])\s*form:\s+")
"""Start of a line for a step of a form, in a story that Rasa's interactive learning wrote."""

_PAGES = ("readme", "changelog", "license", "licence", "contributing")
_NLU_HEADING = re.compile(r"#+\s*(?:intent|synonym|regex|lookup)\s*:", re.IGNORECASE)
_RETRIEVAL_TURN = re.compile(r"\*\s*[^\s:{}/]+/[^\s:{}/]+$")
_TURN = re.compile(r"\*\s*(?:form:\s*)?/?[\w.+/-]+\s*(?:$|\{|:|OR\s)|>\s*\S")
_TESTED_TURN = re.compile(r"\*\s*[^{}:]+(?:\{.*\})?:\s*\S")
_ACTION = re.compile(r"-\s*(?:form:\s*)?[\w./-]+\s*(?:$|\{)")


def is_page(path: Path) -> bool:
    """Return whether a Markdown file's name shows that it is documentation, such as a README."""
    return path.stem.lower().startswith(_PAGES)


def markdown_kind(text: str) -> MarkdownKind | None:
    """Return the kind of training data in a Markdown file, or None if it contains no training data.

    NLU data has headings such as `## intent:greet`. Responses are turns of retrieval intents (`* faq/ask_name`) with
    texts. Stories are headings, turns, checkpoints and actions.
    """
    lines = [stripped for line in markdown_lines(text) if (stripped := line.strip())]
    if any(_NLU_HEADING.match(line) for line in lines):
        return "nlu"
    heading = next((index for index, line in enumerate(lines) if line.startswith("#")), None)
    if heading is None:
        return None
    body = lines[heading + 1 :]
    turns = [line for line in body if line.startswith(("*", ">"))]
    items = [line for line in body if line.startswith("-")]
    if not turns:
        return None
    if items and all(_RETRIEVAL_TURN.match(line) for line in turns):
        return "responses"
    if _TURN.match(turns[0]) and (not items or any(_ACTION.match(line) for line in items)):
        return "stories"
    return None


def has_test_stories(text: str) -> bool:
    """Return whether a Markdown file contains stories with user texts, such as `* greet: hello`."""
    if markdown_kind(text) != "stories":
        return False
    return any(_TESTED_TURN.match(FORM_PREFIX.sub(r"\1 ", line.strip())) for line in markdown_lines(text))


def markdown_lines(text: str) -> list[str]:
    """Return a file's lines without `<!-- comments -->`. Each line keeps its number."""
    kept: list[str] = []
    position = 0
    while (opening := text.find("<!--", position)) >= 0 and (closing := text.find("-->", opening + 4)) >= 0:
        kept += [text[position:opening], "\n" * text.count("\n", opening, closing)]
        position = closing + 3
    return "".join([*kept, text[position:]]).split("\n")

"""Reads NLU data and retrieval responses written in Markdown (format 1.x). Called by `reading` and `migration`.

This module converts the text to the document that the YAML reader would return for the same data. The document has the
line numbers of the Markdown file. The readers of YAML documents then check it.
"""

import re

from manent.project.data.markdown import markdown_lines
from manent.project.data.nlu import ITEM_KEYS, LookupFile, NluFiles, add_nlu_document
from manent.project.problems import Report, did_you_mean, one_of, quoted
from manent.project.yaml.building import append, put
from manent.project.yaml.documents import Map, Seq

_HEADING = re.compile(r"#{2,}\s*([^:]*?)\s*:\s*(.*)")
_ITEM = re.compile(r"[-*+]\s*(.*)")


def add_markdown_nlu(data: NluFiles, text: str, file: str, report: Report) -> None:
    """Add the data of a file with `## intent:…`, `## synonym:…`, `## regex:…` and `## lookup:…`."""
    items = Seq(1)
    examples: Seq | None = None
    kind = name = ""
    for number, line in enumerate(map(str.strip, markdown_lines(text)), start=1):
        if (heading := _HEADING.match(line)) is not None:
            kind, name = heading[1], heading[2]
            examples = Seq(number)
            if _is_section(kind, name, number, file, report):
                item = Map(number)
                put(item, kind, name, number)
                put(item, "examples", examples, number)
                append(items, item, number)
        elif (match := _ITEM.match(line)) is not None and examples is not None:
            if match[1]:
                append(examples, match[1], number)
        elif kind == "lookup" and line and not line.startswith("#"):
            data.lookup_files.append(LookupFile(name=name, path=line, file=file, line=number))
            _drop_empty(items, examples)
        elif line and not (line.startswith("#") and not line.startswith("##")):
            _warn_line(line, number, file, report)
    document = Map(1)
    put(document, "nlu", items, 1)
    add_nlu_document(data, document, file, report)


def _is_section(kind: str, name: str, line: int, file: str, report: Report) -> bool:
    if kind in ITEM_KEYS and name:
        return True
    expected = f"{one_of(ITEM_KEYS)}, followed by `:` and a name"
    report.error(
        file, line, "nlu", "nlu.markdown-heading", found=quoted(f"## {kind}:{name}"), expected=expected,
        suggestion=did_you_mean(kind, ITEM_KEYS),
    )  # fmt: skip
    return False


def _drop_empty(items: Seq, examples: Seq | None) -> None:
    """Drop the newest item if it has no entries because its entries are in a separate file."""
    if items and items[-1]["examples"] is examples and not examples:
        items.pop()
        items.lines.pop()


def _warn_line(line: str, number: int, file: str, report: Report) -> None:
    expected = "a heading such as `## intent:greet`, or an example that begins with `- ` (this line is left out)"
    report.warn(file, number, "nlu", "nlu.markdown-line", found=quoted(line), expected=expected)


def add_markdown_responses(data: NluFiles, text: str, file: str, report: Report) -> None:
    """Add the data of a file with the responses of retrieval intents.

    Each response consists of `* faq/ask_name` and lines with texts.
    """
    responses = Map(1)
    variations: Seq | None = None
    for number, line in enumerate(map(str.strip, markdown_lines(text)), start=1):
        if line.startswith("*"):
            name = f"utter_{line[1:].strip()}"
            variations = responses.get(name)
            if variations is None:
                variations = Seq(number)
                put(responses, name, variations, number)
        elif line.startswith("-") and variations is not None:
            append(variations, {"text": line[1:].strip()}, number)
        elif line.startswith("#"):
            variations = None
        elif line:
            expected = "a heading, `* intent/key`, or a text that begins with `- ` (this line is left out)"
            report.warn(file, number, "responses", "responses.markdown-line", found=quoted(line), expected=expected)
    document = Map(1)
    put(document, "responses", responses, 1)
    add_nlu_document(data, document, file, report)

"""Reads NLU training data: intents with examples, synonyms, regexes, lookups. Called by `reading` and `migration`.

Responses in NLU files are returned unchanged (`NluFiles.responses`), and `reading` merges them into the domain.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from manent.core.events import Json
from manent.core.training_data import EntityMention, Example, NluData, Where
from manent.project.data.annotations import read_annotated
from manent.project.problems import Report, Spot, did_you_mean, one_of, quoted
from manent.project.yaml.documents import plain

ITEM_KEYS = ("intent", "synonym", "regex", "lookup")
_COLUMN_EXAMPLE = "lines that start with `- ` in the first column of the block"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupFile:
    """A text file with one entry of a lookup table per line.

    `file` and `line` are the position of the reference to this file.
    """

    name: str
    path: str
    file: str
    line: int


@dataclass(slots=True)
class NluFiles:
    """The NLU data of the files read so far.

    `lookup_files` are the files that the NLU data name; they are not read yet.
    """

    examples: list[Example] = field(default_factory=list)
    synonyms: dict[str, str] = field(default_factory=dict)
    regexes: list[tuple[str, str]] = field(default_factory=list)
    lookups: dict[str, list[str]] = field(default_factory=dict)
    lookup_files: list[LookupFile] = field(default_factory=list)
    lookup_places: dict[tuple[str, str], Where] = field(default_factory=dict)
    responses: dict[str, Spot] = field(default_factory=dict)
    intents: dict[str, Where] = field(default_factory=dict)
    is_broken: bool = False

    @property
    def retrieval_intents(self) -> tuple[str, ...]:
        """Names of the retrieval intents, for example `faq` for `faq/ask_name`."""
        return tuple(dict.fromkeys(name.partition("/")[0] for name in self.intents if "/" in name))

    def data(self, responses: dict[str, list[Json]]) -> NluData:
        """Return the data, with the whole project's retrieval responses."""
        return NluData(
            examples=tuple(self.examples),
            synonyms=self.synonyms,
            regexes=tuple(self.regexes),
            lookups={name: tuple(entries) for name, entries in self.lookups.items()},
            responses=responses,
        )


def add_nlu_document(data: NluFiles, document: Any, file: str, report: Report) -> None:
    """Add the `nlu:` and `responses:` of one parsed file."""
    root = Spot(document, file, 1, "", report)
    nlu = root.get("nlu")
    if nlu is not None:
        for item in nlu.items():
            _add_item(data, item)
    responses = root.get("responses")
    if responses is not None:
        for name, spot in responses.entries():
            data.responses.setdefault(name, spot)


def _add_item(data: NluFiles, item: Spot) -> None:
    kinds = [key for key in ITEM_KEYS if isinstance(item.value, dict) and key in item.value]
    if len(kinds) != 1:
        found = f"the keys {', '.join(map(str, item.value))}" if isinstance(item.value, dict) else None
        hint = did_you_mean(next(iter(item.value), ""), ITEM_KEYS) if isinstance(item.value, dict) else ""
        item.error("nlu.item", f"{one_of(ITEM_KEYS)}, with `examples:`", hint, found=found)
        return
    kind = kinds[0]
    item.only((kind, "examples", "metadata"), "nlu.unknown-key", f"a key next to `{kind}:`")
    spot = item.get(kind)
    name = spot.name(f"the name of the {kind}") if spot is not None else None
    if spot is None or name is None:
        return
    if kind == "intent":
        _add_intent(data, name, item, spot)
    elif kind == "synonym":
        for text, _, line in _examples(item):
            add_synonym(data, text, name, item, line)
    elif kind == "regex":
        for text, _, line in _examples(item):
            add_regex(data, name, text, item, line)
    else:
        for text, _, line in _examples(item):
            data.lookups.setdefault(name, []).append(text)
            data.lookup_places.setdefault((name, text), Where(file=item.file, line=line))


def _add_intent(data: NluFiles, name: str, item: Spot, spot: Spot) -> None:
    if name.count("/") > 1:
        spot.error("nlu.intent-name", "at most one `/` in the name of an intent")
        return
    data.intents.setdefault(name, spot.where)
    metadata = item.get("metadata")
    intent_metadata = plain(metadata.value) if metadata is not None else None
    file = item.file
    for raw, example_metadata, line in _examples(item):
        where = Where(file=file, line=line)
        path = f"{item.path}.examples"
        annotated = read_annotated(raw, item.report, file=file, line=line, path=path, section="nlu")
        if annotated is None:
            continue
        text, mentions = annotated.text, annotated.mentions
        data.examples.append(
            Example(
                text=text,
                intent=name,
                entities=mentions,
                metadata=_metadata(intent_metadata, example_metadata),
                where=where,
            )
        )
        for mention in mentions:
            if cuts_word(text, mention.start) or cuts_word(text, mention.end):
                _warn_cut_word(text, mention, item, line)
            surface = text[mention.start : mention.end]
            if mention.value != surface and isinstance(mention.value, (str, int, float)):
                add_synonym(data, surface, str(mention.value), item, line)


_FIRST_WITHOUT_BLANKS = "\u0e00"
"""First character of the scripts that have no spaces between words. Thai is the first such script in Unicode."""


def cuts_word(text: str, place: int) -> bool:
    """Return whether a position is between two letters or digits of a script that separates words by spaces."""
    around = text[max(place - 1, 0) : place + 1]
    return len(around) == 2 and place > 0 and all(c.isalnum() and c < _FIRST_WITHOUT_BLANKS for c in around)  # noqa: PLR2004


def _warn_cut_word(text: str, mention: EntityMention, item: Spot, line: int) -> None:
    item.report.warn(
        item.file,
        line,
        f"{item.path}.examples",
        "nlu.annotation-inside-word",
        found=f'the annotation of "{text[mention.start : mention.end]}", which is part of a word',
        expected="annotations of whole words, because entities are found only in whole words",
        suggestion='Annotate the whole word, and write the part as its value: [word]{"entity": …, "value": …}',
    )


def _metadata(of_intent: Any, of_example: Any) -> Json | None:
    if of_intent is None and of_example is None:
        return None
    both = {"intent": of_intent, "example": of_example}
    return {key: value for key, value in both.items() if value is not None}


def add_synonym(data: NluFiles, text: str, value: str, item: Spot, line: int) -> None:
    """Add a spelling for a value. If a spelling has several values, use the last one and warn about the others."""
    key = text.lower()
    before = data.synonyms.get(key)
    if before is not None and before != value:
        item.report.warn(
            item.file,
            line,
            f"{item.path}.examples",
            "nlu.synonym-twice",
            found=f'"{text}" as a synonym of "{value}"',
            expected=f'one value for each spelling (this one is also a synonym of "{before}")',
            suggestion=f'"{value}" is used',
        )
    data.synonyms[key] = value


def add_regex(data: NluFiles, name: str, pattern: str, item: Spot, line: int) -> None:
    """Add a pattern. Ignore a pattern that is not a valid regular expression, with a warning."""
    pattern = with_leading_flags(pattern)
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        item.report.warn(
            item.file,
            line,
            f"{item.path}.examples",
            "nlu.regex",
            found=f"{quoted(pattern)} ({error})",
            expected="a valid regular expression (this one is ignored)",
        )
        return
    data.regexes.append((name, pattern))


_FLAGS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?([aiLmsux]+)\)", re.DOTALL)
"""An escaped character, a set of characters, or flags for the whole pattern."""


def with_leading_flags(pattern: str) -> str:
    """Move flags such as `(?i)` from inside a pattern to its start.

    Rasa projects are written for Python 3.10 and earlier, where such flags can be anywhere and apply to the whole
    pattern. Later versions of Python accept flags only at the start.
    """
    flags = "".join(dict.fromkeys("".join(match[1] or "" for match in _FLAGS.finditer(pattern))))
    if not flags:
        return pattern
    return f"(?{flags})" + _FLAGS.sub(lambda match: "" if match[1] else match[0], pattern)


def _examples(item: Spot) -> Iterator[tuple[str, Any, int]]:
    """Yield text, metadata and line of each example of an item."""
    examples = item.get("examples")
    if examples is None or examples.value in (None, "", []):
        (examples or item).warn("nlu.no-examples", "`examples: |` and lines starting with `- `", found="no examples")
        return
    if isinstance(examples.value, list):
        yield from _listed_examples(examples)
        return
    if not isinstance(examples.value, str):
        examples.error("nlu.examples", f"a block (`examples: |`) of {_COLUMN_EXAMPLE}", "Write `examples: |`")
        return
    for number, line in enumerate(examples.value.split("\n"), examples.line):
        if line.startswith("-"):
            if text := line[1:].strip():
                yield text, None, number
        elif line.strip():
            examples.report.warn(
                examples.file,
                number,
                examples.path,
                "nlu.example-line",
                found=quoted(line.strip()),
                expected=f"{_COLUMN_EXAMPLE} (this line is ignored)",
                suggestion="Start the line with `- `",
            )


def _listed_examples(examples: Spot) -> Iterator[tuple[str, Any, int]]:
    for spot in examples.items():
        text, metadata = spot, None
        if isinstance(spot.value, dict):
            spot.only(("text", "metadata"), "nlu.unknown-key", "a key of an example")
            found = spot.get("text")
            if found is None:
                spot.error("nlu.example", "`text:` with the example", found="an example without a text")
                continue
            text = found
            found = spot.get("metadata")
            metadata = plain(found.value) if found is not None else None
        written = text.text()
        if written is not None and (stripped := written.strip()):
            yield stripped, metadata, text.line

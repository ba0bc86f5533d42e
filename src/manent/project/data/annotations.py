"""Parses the entity annotations of a training or test message: `[Berlin](city)`, `[Berlin]{"entity": "city"}`, ….

Called by the readers of NLU data and of stories. Without I/O, this module converts an annotated text to a plain text,
mentions of entities, and doubts. As in Rasa, text that is not a valid annotation stays plain text, so a stray bracket
is not an error. Such a bracket is a doubt, which the readers report as a warning.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from manent.core.training_data import EntityMention
from manent.project.problems import Report

_DECODER = json.JSONDecoder()
_LABEL_KEYS = ("entity", "value", "role", "group")
_STRAY_CLOSING = re.compile(r"(\S+)\]\((\w[^()\s]*)\)")
_BLANK_BETWEEN = re.compile(r"\[[^\[\]]+\]\s+\(\w+\)")


@dataclass(frozen=True, slots=True)
class Doubt:
    """A part of a message that looks like an annotation, but is read as text (at least partly).

    Attributes:
        found: this part of the message, and the reason why it is not an annotation.
        expected: the annotation that was probably meant.
        suggestion: what to do.
        code: code of the problem without its first part, for example `annotation-text`.
    """

    found: str
    expected: str
    suggestion: str = ""
    code: str = "annotation-text"


@dataclass(frozen=True, slots=True)
class AnnotatedText:
    """A message without its annotations.

    Attributes:
        text: the text without markup.
        mentions: the entities. Their offsets are positions in `text`.
        doubts: parts that look like annotations but are not.
    """

    text: str
    mentions: tuple[EntityMention, ...] = ()
    doubts: tuple[Doubt, ...] = ()


class AnnotationError(Exception):
    """An invalid annotation, which Rasa rejects, too.

    The braces are closed, but the text between them is not an entity.
    """

    def __init__(self, found: str, expected: str, suggestion: str = "") -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected
        self.suggestion = suggestion


def parse_annotated(text: str) -> AnnotatedText:
    """Split an annotated message into its plain text and its entities.

    Forms (docs/rasa-contract.md, 3): `[text](entity)`, `[text](entity:value)`, `[text]{"entity": …, "value": …, "role":
    …, "group": …}`, `[text][{…}, {…}]`. A bracket that does not start one of these forms is part of the text.

    Raises:
        AnnotationError: the content of closed braces is not JSON, or not an entity.
    """
    if "[" not in text and "](" not in text:
        return AnnotatedText(text)
    reader = _Reader(text)
    reader.read()
    return AnnotatedText("".join(reader.parts), tuple(reader.mentions), tuple(reader.doubts))


def read_annotated(raw: str, report: Report, *, file: str, line: int, path: str, section: str) -> AnnotatedText | None:
    """Parse a message of a file. Report doubts as warnings and errors as errors. Return None after an error.

    Args:
        raw: the message, unchanged from the file.
        report: receives the problems.
        file: file name for messages.
        line: 1-based line of the message.
        path: position of the message in the document.
        section: the first part of the codes, `nlu` or `story`.
    """
    try:
        parsed = parse_annotated(raw)
    except AnnotationError as error:
        report.error(
            file,
            line,
            path,
            f"{section}.annotation",
            found=error.found,
            expected=error.expected,
            suggestion=error.suggestion,
        )
        return None
    for doubt in parsed.doubts:
        report.warn(
            file,
            line,
            path,
            f"{section}.{doubt.code}",
            found=doubt.found,
            expected=f"{doubt.expected} (it is read as text)",
            suggestion=doubt.suggestion,
        )
    return parsed


class _Reader:
    """Reads one message from left to right."""

    def __init__(self, text: str) -> None:
        self.parts: list[str] = []
        self.mentions: list[EntityMention] = []
        self.doubts: list[Doubt] = []
        self._text = text
        self._length = 0

    def read(self) -> None:
        position = 0
        while (opening := self._text.find("[", position)) >= 0:
            self._take_literal(self._text[position:opening])
            closing = self._text.find("]", opening)
            if closing < 0:
                self._doubt_unclosed(opening)
                position = opening
                break
            position = self._take_bracket(opening, closing)
        self._take_literal(self._text[position:])
        if "] (" in self._text and (match := _BLANK_BETWEEN.search(self._text)):
            expected = "no space between the brackets of an annotation"
            self.doubts.append(Doubt(f'"{match[0]}"', expected, "Remove the space", "annotation-blank"))

    def _take(self, text: str) -> None:
        self.parts.append(text)
        self._length += len(text)

    def _take_literal(self, text: str) -> None:
        if "](" in text and (match := _STRAY_CLOSING.search(text)):
            expected = f"[{match[1]}]({match[2]})"
            self.doubts.append(Doubt(f'"{match[0]}", which lacks the opening bracket', expected, "Open the bracket"))
        self._take(text)

    def _doubt_unclosed(self, opening: int) -> None:
        """Report a bracket that is not closed.

        Ignore a bracket that is not at the start of a word, because it may be a smiley (`:[`).
        """
        follows = self._text[opening + 1 : opening + 2]
        if follows and not follows.isspace() and follows != "{":  # `[…][{` is reported at the first bracket
            found = f'"{self._text[opening:]}", whose bracket is not closed'
            self.doubts.append(Doubt(found, "[text](entity)", "Close the bracket"))

    def _take_bracket(self, opening: int, closing: int) -> int:
        """Read `[…]` and its labels. Return the position after them."""
        after = closing + 1
        covered, span = self._text[opening + 1 : closing], self._text[opening:after]
        labels: list[dict[str, Any]] | None = None
        if covered:
            match self._text[after : after + 1]:
                case "(":
                    labels, after = self._short_label(after, span)
                case "{":
                    labels, after = self._json_labels(after, span, "}")
                case "[" if self._text[after + 1 :].lstrip().startswith(("{", "]")):
                    labels, after = self._json_labels(after, span, "]")
        if labels is None:
            self._take(span)
            return closing + 1
        for label in labels:
            self.mentions.append(
                EntityMention(
                    start=self._length,
                    end=self._length + len(covered),
                    entity=label["entity"],
                    value=label.get("value", covered),
                    role=label.get("role"),
                    group=label.get("group"),
                )
            )
        self._take(covered)
        return after

    def _short_label(self, start: int, span: str) -> tuple[list[dict[str, Any]] | None, int]:
        end = self._text.find(")", start)
        if end < 0:
            found = f'"{self._text[start - len(span) :]}", whose round bracket is not closed'
            self.doubts.append(Doubt(found, f"{span}(entity)", "Close the bracket"))
            return None, start
        inside = self._text[start + 1 : end]
        entity, colon, value = inside.partition(":")
        if not entity.strip() or (colon and not value):
            missing = "a value" if entity.strip() else "an entity"
            found, expected = (
                f'"{span}({inside})", which does not name {missing}',
                f"{span}(entity)",
            )
            self.doubts.append(Doubt(found, expected, f"Add {missing}"))
            return None, start
        return [{"entity": entity.strip(), **({"value": value} if colon else {})}], end + 1

    def _json_labels(self, start: int, span: str, closing: str) -> tuple[list[dict[str, Any]] | None, int]:
        example = f'{span}{{"entity": "…", "value": "…"}}'
        if self._text[start : start + 2] in ("{}", "[]"):
            found = f'"{span}{self._text[start : start + 2]}", which does not name an entity'
            self.doubts.append(Doubt(found, example, "Add an entity"))
            return ([], start + 2) if closing == "]" else (None, start)
        try:
            value, end = _DECODER.raw_decode(self._text, start)
        except (json.JSONDecodeError, RecursionError) as error:
            suggestion = "Close the bracket, and put keys and texts in double quotes"
            if self._text.find(closing, start) < 0:
                found = f'"{self._text[start:]}", whose bracket is not closed'
                self.doubts.append(Doubt(found, example, suggestion))
                return None, start
            raise AnnotationError(f'"{self._text[start:]}", which is not JSON', example, suggestion) from error
        labels = value if isinstance(value, list) else [value]
        named = [self._checked(label, span) for label in labels if label != {}]
        if not named:
            self.doubts.append(Doubt(f'"{span}[{{}}]", which does not name an entity', example, "Add an entity"))
        return named, end

    def _checked(self, label: Any, span: str) -> dict[str, Any]:
        expected = f'{span}{{"entity": "…"}} with {", ".join(_LABEL_KEYS)}'
        if not isinstance(label, dict):
            raise AnnotationError(f"{label!r}", expected)
        if not isinstance(label.get("entity"), str) or not label["entity"]:
            raise AnnotationError("an annotation without an entity", expected, 'Add "entity": "…"')
        for key in ("role", "group"):
            if label.get(key) is not None and not isinstance(label[key], str):
                raise AnnotationError(f"the {key} {label[key]!r}", f"a string as {key}", "Put it in double quotes")
        if unknown := [key for key in label if key not in _LABEL_KEYS]:
            self.doubts.append(Doubt(f'the key "{unknown[0]}", which is ignored', expected))
        return label

"""Reads the entity annotations of a training or test message: `[Berlin](city)`, `[Berlin]{"entity": "city"}`, ….

Called by `nlu_files` and `stories_files`. Pure: text in, text and mentions out, mistakes as `AnnotationError`.
"""

import json
import re
from typing import Any

from manent.core.training_data import EntityMention

_DECODER = json.JSONDecoder()
_LABEL_KEYS = ("entity", "value", "role", "group")
_STRAY_CLOSING = re.compile(r"(\S+)\]\((\w[^()\s]*)\)")
_BLANK_BETWEEN = re.compile(r"\[[^\[\]]+\]\s+\(\w+\)")


class AnnotationError(Exception):
    """An annotation that cannot be read: what was found, what was expected, what to do."""

    def __init__(self, found: str, expected: str, suggestion: str = "") -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected
        self.suggestion = suggestion


def parse_annotated(text: str) -> tuple[str, tuple[EntityMention, ...]]:
    """Split an annotated message into its plain text and the entities mentioned in it.

    Forms (contract §3): `[text](entity)`, `[text](entity:value)`, `[text]{"entity": …, "value": …, "role": …,
    "group": …}`, `[text][{…}, {…}]`. A bracket that begins none of these is part of the text.

    Returns:
        The text without annotations, and mentions whose offsets count its characters.

    Raises:
        AnnotationError: a bracket is not closed, or the JSON is broken.
    """
    if "[" not in text and "](" not in text:
        return text, ()
    parts: list[str] = []
    mentions: list[EntityMention] = []
    length = position = 0
    while (opening := text.find("[", position)) >= 0:
        _refuse_stray(text[position:opening])
        closing = text.find("]", opening)
        if closing < 0:
            _refuse_unclosed(text, opening)
            break
        labels, after = _labels(text, opening, closing)
        literal = text[position:opening]
        parts.append(literal)
        length += len(literal)
        covered = text[opening + 1 : closing] if labels else text[opening:after]
        mentions += [_mention(label, covered, length) for label in labels]
        parts.append(covered)
        length += len(covered)
        position = after
    rest = text[position:]
    _refuse_stray(rest)
    parts.append(rest)
    return "".join(parts), tuple(mentions)


def has_blank_between(text: str) -> bool:
    """Does the text look like an annotation with a blank between its brackets, which makes it none?"""
    return "] (" in text and _BLANK_BETWEEN.search(text) is not None


def _mention(label: dict[str, Any], covered: str, start: int) -> EntityMention:
    return EntityMention(
        start=start,
        end=start + len(covered),
        entity=label["entity"],
        value=label.get("value", covered),
        role=label.get("role"),
        group=label.get("group"),
    )


def _labels(text: str, opening: int, closing: int) -> tuple[list[dict[str, Any]], int]:
    """Return the labels that follow a `[…]`, and where the text goes on; no labels: it is plain text."""
    after = closing + 1
    follows = text[after : after + 1]
    span = text[opening:after]
    if closing == opening + 1:
        return [], after
    if follows == "(":
        end = text.find(")", after)
        if end < 0:
            raise AnnotationError(
                f'"{text[opening:]}", whose round bracket is not closed', f"{span}(entity)", "Close the bracket"
            )
        return [_short_label(text[after + 1 : end], span)], end + 1
    if follows == "{":
        value, end = _json(text, after, span)
        return [_checked(value, span)], end
    if follows == "[" and text[after + 1 :].lstrip().startswith("{"):
        values, end = _json(text, after, span)
        if not values:
            raise AnnotationError(f'"{span}[]"', f'{span}[{{"entity": …}}]')
        return [_checked(value, span) for value in values], end
    return [], after


def _short_label(inside: str, span: str) -> dict[str, Any]:
    entity, colon, value = inside.partition(":")
    if not entity.strip():
        raise AnnotationError(f'"{span}({inside})", which names no entity', f"{span}(entity)")
    label: dict[str, Any] = {"entity": entity.strip()}
    if colon and value:
        label["value"] = value
    return label


def _json(text: str, start: int, span: str) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, start)
    except (json.JSONDecodeError, RecursionError) as error:
        raise AnnotationError(
            f'"{text[start:]}", which is no JSON',
            f'{span}{{"entity": "…", "value": "…"}}',
            "Close the bracket; keys and texts stand in double quotes",
        ) from error


def _checked(label: Any, span: str) -> dict[str, Any]:
    expected = f'{span}{{"entity": "…"}} with {", ".join(_LABEL_KEYS)}'
    if not isinstance(label, dict):
        raise AnnotationError(f"{label!r}", expected)
    if not isinstance(label.get("entity"), str) or not label["entity"]:
        raise AnnotationError("an annotation without an entity", expected)
    for key in ("role", "group"):
        if label.get(key) is not None and not isinstance(label[key], str):
            raise AnnotationError(f"the {key} {label[key]!r}", f"a {key} as a text", "Put it in double quotes")
    if unknown := [key for key in label if key not in _LABEL_KEYS]:
        raise AnnotationError(f'the key "{unknown[0]}"', expected)
    return label


def _refuse_unclosed(text: str, opening: int) -> None:
    """A bracket at a word's beginning is an annotation that lacks its end; one at its end (`:[`) is a smiley."""
    follows = text[opening + 1 : opening + 2]
    if follows and not follows.isspace():
        raise AnnotationError(f'"{text[opening:]}", whose bracket is not closed', "[text](entity)", "Close the bracket")


def _refuse_stray(text: str) -> None:
    if "](" in text and (match := _STRAY_CLOSING.search(text)):
        raise AnnotationError(
            f'"{match[0]}", whose bracket is not opened', f"[{match[1]}]({match[2]})", "Open the bracket"
        )

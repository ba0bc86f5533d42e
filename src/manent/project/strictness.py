"""Decides which warnings `manent data validate --strict` reports as errors.

Rasa trains and serves a project with these warnings, so Manent does, too. In strict mode, a warning becomes an error if
a part of a file has no effect, or not the effect that its author expected. Examples are an undefined name, an unknown
key, and an annotation that is read as text. An unused name is not an error.
"""

from collections.abc import Iterable
from dataclasses import replace

from manent.core.errors import Problem

_CODES = frozenset(
    {
        "config.option",
        "credentials.channel",
        "domain.merged-items",
        "endpoints.broker-unsupported",
        "endpoints.store-unsupported",
        "endpoints.variable",
        "file.newer-version",
        "file.version",
        "forms.duplicate",
        "forms.no-question",
        "forms.undeclared-slot",
        "intents.used-and-ignored",
        "nlu.annotation-blank",
        "nlu.annotation-inside-word",
        "nlu.annotation-text",
        "nlu.example-line",
        "nlu.example-twice",
        "nlu.lookup-boundary",
        "nlu.no-examples",
        "nlu.no-response",
        "nlu.regex",
        "nlu.synonym-twice",
        "slots.condition",
        "slots.not-in-form",
        "story.checkpoint",
        "story.no-response",
        "story.slot-value",
    }
)


def stricter(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems, errors first. Warnings that strict mode does not allow become errors."""
    judged = [replace(each, warning=each.warning and not _is_mistake(each.code)) for each in problems]
    return sorted(judged, key=lambda each: each.warning)


def _is_mistake(code: str) -> bool:
    return code in _CODES or ".unknown-" in code

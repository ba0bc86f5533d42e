"""Which warnings are mistakes to an author who asks for a strict reading (`manent data validate --strict`).

Rasa trains and serves such a project, so Manent does, too. But what is written has no effect, or another one than it
seems: a name that nothing defines, a key that nobody reads, an annotation that is text. What is only
unused is no mistake.
"""

from collections.abc import Iterable
from dataclasses import replace

from manent.core.errors import Problem

_CODES = frozenset(
    {
        "config.option",
        "credentials.channel",
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
    """Return the problems, errors first, with the warnings that a strict reading does not let pass as errors."""
    judged = [replace(each, warning=each.warning and not _is_mistake(each.code)) for each in problems]
    return sorted(judged, key=lambda each: each.warning)


def _is_mistake(code: str) -> bool:
    return code in _CODES or ".unknown-" in code

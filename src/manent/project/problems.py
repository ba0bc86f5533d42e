"""Collects the mistakes in a project's files and creates their messages.

Every reader of this package gets a `Report` and continues after a mistake, so that one run finds all of them. A `Spot`
is a value with its position. Readers walk through a document with spots, which report the common kinds of mistakes.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manent.core.errors import Problem, ProjectError
from manent.core.training_data import Where

SYNTAX_CODES = tuple(
    f"yaml.{name}" for name in ("tab", "indentation", "quote", "bracket", "colon", "syntax", "character")
)
"""Codes of mistakes that prevent a file from being parsed."""

_CAUSES = ("domain.empty", "domain.merged-items", "domain.unknown-key", "data.unknown-key")
"""Codes of mistakes that make names unknown in other files."""

_SHOWN = 60
"""Maximum number of characters of a value in a message."""


class Report:
    """All problems found while reading a project.

    Attributes:
        broken: names of files that could not be parsed completely. Checks that need these files are skipped.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._problems: dict[Problem, None] = {}
        self.broken: set[str] = set()
        self._lost: dict[str, list[tuple[int, int]]] = {}

    def name_of(self, path: Path) -> str:
        """Return a path as a user would type it, relative to the project if the file is in the project."""
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            return path.as_posix()

    def error(
        self, file: str, line: int, path: str, code: str, *, found: str, expected: str, suggestion: str = ""
    ) -> None:
        """Add an error, which prevents training."""
        self.add(
            Problem(file=file, line=line, path=path, code=code, found=found, expected=expected, suggestion=suggestion)
        )

    def warn(
        self, file: str, line: int, path: str, code: str, *, found: str, expected: str, suggestion: str = ""
    ) -> None:
        """Add a warning."""
        self.add(
            Problem(
                file=file,
                line=line,
                path=path,
                code=code,
                found=found,
                expected=expected,
                suggestion=suggestion,
                warning=True,
            )
        )

    def add(self, problem: Problem) -> None:
        """Add a problem unless the report already contains it."""
        self._problems[problem] = None

    def has(self, code: str, file: str, line: int) -> bool:
        """Return whether a problem of this kind was reported for a line."""
        return any((each.code, each.file, each.line) == (code, file, line) for each in self._problems)

    def lose(self, file: str, lines: tuple[int, int], *, names: bool) -> None:
        """Record the lines and names that the repair of a syntax error may have changed.

        Args:
            file: file name for messages.
            lines: first and last line of the changed part. Problems in these lines are dropped.
            names: whether names may be missing because of the repair. If so, the report lists the file as broken.
        """
        if names:
            self.broken.add(file)
        self._lost.setdefault(file, []).append(lines)

    def _is_noise(self, problem: Problem) -> bool:
        lost = self._lost.get(problem.file, ())
        return problem.code not in SYNTAX_CODES and any(first <= problem.line <= last for first, last in lost)

    @property
    def errors(self) -> list[Problem]:
        """The errors, probable causes first, then by file and line."""
        return sorted((p for p in self._problems if not p.warning and not self._is_noise(p)), key=_place)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings, probable causes first, then by file and line."""
        return tuple(sorted((p for p in self._problems if p.warning and not self._is_noise(p)), key=_place))

    def raise_errors(self) -> None:
        """Raise a ProjectError with all errors, if there are any. Their probable causes come first."""
        if self.errors:
            raise ProjectError([*filter(is_cause, self.warnings), *self.errors])


def is_cause(problem: Problem) -> bool:
    """Return whether a problem is probably the cause of others, for example a misspelt section."""
    return problem.code in _CAUSES and bool(problem.suggestion)


def _place(problem: Problem) -> tuple[bool, str, int]:
    return problem.code not in _CAUSES, problem.file, problem.line


def quoted(value: Any) -> str:
    """Format a value for a message: put it in quotes, and shorten it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    elif isinstance(value, list):
        return "a list" if value else "an empty list"
    else:
        text = str(value)
    if len(text) > _SHOWN:
        text = text[: _SHOWN - 1] + "…"
    return f"'{text}'" if '"' in text and "'" not in text else f'"{text}"'


_NEAR, _ALIKE, _BEGINNING = 0.72, 0.6, 4
"""Minimum similarity (0 to 1) of a misspelt word and the right word.

The second value applies to words that have this many first letters in common, such as `story` and `stories`.
"""
_AFFIXES = re.compile(r"^(?:utter_ask_|utter_|action_|validate_|faq/|chitchat/)|(?:_form|Policy|Featurizer)$")
"""Parts that many names have in common.

They are not compared, because they make `action_fallback` similar to `action_back`.
"""


def did_you_mean(word: Any, known: Iterable[str]) -> str:
    """Return `Did you mean "x"?` for the most similar known word, or `""` if no word is similar enough.

    A word is similar enough if the difference can be a typing mistake. A common prefix is not enough.
    """
    options = list(known)
    text = str(word)
    for option in options:
        if option.casefold() == text.casefold() and option != text:
            return f'Did you mean "{option}"?'
    best = ""
    for option in difflib.get_close_matches(text, options, n=3, cutoff=_ALIKE):
        if option != text and option.count(".") == text.count(".") and _is_near(text, option):
            best = option
            break
    return f'Did you mean "{best}"?' if best else ""


def _is_near(text: str, option: str) -> bool:
    """Return whether two words are similar after their shared affixes are removed."""
    if _AFFIXES.findall(text) == _AFFIXES.findall(option):
        text, option = _AFFIXES.sub("", text), _AFFIXES.sub("", option)
    text, option = text.casefold(), option.casefold()
    begins_alike = text[:_BEGINNING] == option[:_BEGINNING] and min(len(text), len(option)) >= _BEGINNING
    return difflib.SequenceMatcher(None, text, option).ratio() >= (_ALIKE if begins_alike else _NEAR)


def one_of(known: Iterable[str], limit: int = 12) -> str:
    """Return `one of: a, b, c`. A long list is shortened."""
    names = list(known)
    shown = ", ".join(names[:limit])
    return f"one of: {shown}, …" if len(names) > limit else f"one of: {shown}"


@dataclass(slots=True)
class Spot:
    """A value of a document and its position.

    Attributes:
        value: Map, Seq or scalar.
        path: position in the document, for example `slots.party_size.type`.
    """

    value: Any
    file: str
    line: int
    path: str
    report: Report

    @property
    def where(self) -> Where:
        """The position in the file, which is stored with the data read from this spot."""
        return Where(file=self.file, line=self.line)

    def error(self, code: str, expected: str, suggestion: str = "", *, found: str | None = None) -> None:
        """Report an error at this position. `found` defaults to the value."""
        shown = quoted(self.value) if found is None else found
        self.report.error(self.file, self.line, self.path, code, found=shown, expected=expected, suggestion=suggestion)

    def warn(self, code: str, expected: str, suggestion: str = "", *, found: str | None = None) -> None:
        """Report a warning at this position. `found` defaults to the value."""
        shown = quoted(self.value) if found is None else found
        self.report.warn(self.file, self.line, self.path, code, found=shown, expected=expected, suggestion=suggestion)

    def at(self, value: Any, line: int, step: str) -> "Spot":
        """Return the spot of a value inside this value."""
        path = f"{self.path}.{step}" if self.path else step
        return Spot(value, self.file, line, path, self.report)

    def get(self, key: str) -> "Spot | None":
        """Return the value of a mapping's key, or None."""
        if not isinstance(self.value, dict) or key not in self.value:
            return None
        lines = getattr(self.value, "lines", {})
        return self.at(self.value[key], lines.get(key, self.line), key)

    def entries(self) -> Iterator[tuple[str, "Spot"]]:
        """Yield the keys (as strings) and values of a mapping. Report a value that is not a mapping."""
        if self.value is None:
            return
        if not isinstance(self.value, dict):
            self.error("yaml.type", "a mapping (`name: …`)")
            return
        lines = getattr(self.value, "key_lines", {})
        for key, value in self.value.items():
            name = key if isinstance(key, str) else quoted(key).strip('"')
            yield name, self.at(value, lines.get(key, self.line), name)

    def items(self, expected: str = "a list (lines starting with `- `)") -> Iterator["Spot"]:
        """Yield the items of a list. Report a value that is not a list."""
        if self.value is None:
            return
        if not isinstance(self.value, list):
            self.error("yaml.type", expected)
            return
        lines = getattr(self.value, "lines", ())
        for index, value in enumerate(self.value):
            path = f"{self.path}[{index}]"
            yield Spot(value, self.file, lines[index] if index < len(lines) else self.line, path, self.report)

    def name(self, what: str = "a name") -> str | None:
        """Return a string that is not empty. Report any other value."""
        if isinstance(self.value, str) and self.value.strip():
            return self.value.strip()
        if isinstance(self.value, (bool, int, float)):
            self.error(
                "yaml.type",
                what,
                f"Put it in quotes: {quoted(self.value)}",
                found=f"{quoted(self.value)}, which is not a string",
            )
        else:
            self.error("yaml.type", what)
        return None

    def text(self) -> str | None:
        """Return a string. Convert a number or a flag to a string."""
        if isinstance(self.value, str):
            return self.value
        if isinstance(self.value, (bool, int, float)):
            return quoted(self.value).strip('"')
        self.error("yaml.type", "a string")
        return None

    def flag(self) -> bool | None:
        """Return true or false. Report any other value."""
        if isinstance(self.value, bool):
            return self.value
        self.error("yaml.type", "true or false", flag_hint(self.value))
        return None

    def number(self) -> float | int | None:
        """Return a number. Report any other value."""
        if isinstance(self.value, (int, float)) and not isinstance(self.value, bool):
            return self.value
        self.error("yaml.type", "a number")
        return None

    def names(self, what: str) -> tuple[str, ...]:
        """Return a list of names. Return a single name as a list."""
        if isinstance(self.value, str):
            return (self.value,)
        return tuple(
            name for item in self.items(f"{what}, or a list of such values") if (name := item.name(what)) is not None
        )

    def texts(self, what: str) -> tuple[str, ...]:
        """Return a list of strings. Return a single string as a list. Convert numbers to strings."""
        if isinstance(self.value, str):
            return (self.value,)
        return tuple(
            text for item in self.items(f"{what}, or a list of such values") if (text := item.text()) is not None
        )

    def only(self, known: Iterable[str], code: str, what: str, *, warns: bool = False) -> None:
        """Report a mapping's unknown keys as errors, or as warnings if `warns` is set."""
        options = tuple(known)
        for key, spot in self.entries():
            if key not in options:
                found = f'the key "{key}"'
                report = spot.warn if warns else spot.error
                report(code, f"{what}: {one_of(options, 20)}", did_you_mean(key, options), found=found)


def flag_hint(value: Any) -> str:
    """Suggest `true` or `false` for a word that only other versions of YAML read as a flag.

    Return "" for other words.
    """
    if isinstance(value, str):
        if value.lower() in ("yes", "on", "true", "y"):
            return "Write true"
        if value.lower() in ("no", "off", "false", "n"):
            return "Write false"
    return ""

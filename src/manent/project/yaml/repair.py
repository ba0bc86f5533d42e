"""Guesses the intended form of a broken YAML line, so that one mistake does not hide the others in the file.

Called by `documents` after a syntax error. The result is used only to find more mistakes. A project with a syntax error
is never trained.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_BRACKETS = {"[": "]", "{": "}"}
_NAME = re.compile(r"(?:- )?[\w/]+")

FirstError = Callable[[str], int | None]
"""A function that returns the 1-based line of the first syntax error in a text, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A repaired text that can be parsed further than the original text.

    Attributes:
        text: the repaired text, with the same number of lines as before.
        lost: first and last 1-based line of the part whose meaning may be wrong after the repair. This is the repaired
            line, or the entry from which a line was removed.
        loses_names: whether a line was removed, so that names in it are missing.
    """

    text: str
    lost: tuple[int, int]
    loses_names: bool = False


def repair(text: str, line: int, first_error: FirstError) -> Repair | None:
    """Repair a line: complete it, indent it differently, or remove it.

    Args:
        text: the whole text.
        line: 1-based number of the broken line.
        first_error: returns the line of the first syntax error in a text.

    Returns:
        A text whose first error, if any, comes after the line. None if no repair helps.
    """
    lines = text.split("\n")
    if not 0 < line <= len(lines) or not lines[line - 1].strip():
        return None
    content = lines[line - 1].lstrip()
    mended = [lines[line - 1].rstrip() + ending for ending in _endings(content)]
    mended += [" " * indent + content for indent in _indents(lines, line - 1)]
    for one in mended:
        repaired = _with_line(lines, line - 1, one)
        if _is_better(first_error(repaired), line):
            return Repair(text=repaired, lost=(line, line))
    without = _with_line(lines, line - 1, "")
    if _is_better(first_error(without), line):
        return Repair(text=without, lost=_entry(lines, line - 1), loses_names=True)
    return None


def _endings(content: str) -> list[str]:
    """Return characters that may be missing at the end of the line: quotes, brackets, or a colon."""
    endings = []
    if content.count('"') % 2:
        endings.append('"')
    if content.count("'") % 2:
        endings.append("'")
    closers = ""
    for character in content:
        if character in _BRACKETS:
            closers = _BRACKETS[character] + closers
        elif closers.startswith(character):
            closers = closers[1:]
    if closers:
        endings.append(closers)
    if _NAME.fullmatch(content.rstrip()):
        endings.append(":")
    return endings


def _is_better(error_line: int | None, line: int) -> bool:
    return error_line is None or error_line > line + 1


def _with_line(lines: list[str], index: int, line: str) -> str:
    return "\n".join([*lines[:index], line, *lines[index + 1 :]])


def _indent(line: str) -> int:
    expanded = line.expandtabs(2)
    return len(expanded) - len(expanded.lstrip(" "))


def _indents(lines: list[str], index: int) -> Iterator[int]:
    """Yield the indentations of the blocks above. Indentations that are close to the line's indentation come first."""
    own = _indent(lines[index])
    seen: dict[int, None] = {}
    limit = own + 3
    for line in reversed(lines[:index]):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        indent = _indent(line)
        if indent < limit:
            limit = indent + (1 if not seen else 0)
            seen[indent] = None
            if not len(seen) - 1 and line.rstrip().endswith(":"):
                seen[indent + 2] = None
        if indent == 0:
            break
    tries = sorted(seen, key=lambda indent: abs(indent - own))
    return iter([indent for indent in tries if indent != own or "\t" in lines[index]])


def _entry(lines: list[str], index: int) -> tuple[int, int]:
    """Return the first and last line (1-based) of the entry, for example a slot or a story, that contains a line."""
    top = next((i for i in range(index, -1, -1) if _is_top(lines[i])), 0)
    first = next((line for line in lines[top + 1 :] if line.strip() and not line.lstrip().startswith("#")), "")
    level, is_list = _indent(first), first.lstrip().startswith("-")

    def begins(line: str) -> bool:
        begins_item = line.lstrip().startswith("-") if is_list else not line.lstrip().startswith(("-", "#"))
        return bool(line.strip()) and (_is_top(line) or (_indent(line) == level and begins_item))

    start = next((i for i in range(index - 1, top, -1) if begins(lines[i])), top)
    end = next((i for i in range(index + 1, len(lines)) if begins(lines[i])), len(lines))
    return start + 1, end


def _is_top(line: str) -> bool:
    return bool(line.strip()) and not line.startswith((" ", "\t", "-", "#"))

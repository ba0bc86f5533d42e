"""Explains libyaml's syntax errors with line and column. Called by `documents`. It does no I/O."""

import re
from collections.abc import Iterator

import yaml

from manent.core.errors import Problem
from manent.project.problems import quoted

_OPEN_QUOTE = re.compile(r"""(?:[:,\[{]|^\s*-)\s+(?:"(?:[^"\\]|\\.)*|'[^']*)$""")


def explain_syntax_error(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """Return the problem for a syntax error, with the line that the user must look at."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        found = f"the character {error.character!r}"
        return _problem(file, line, "yaml.character", found=found, expected="printable text")
    if not isinstance(error, yaml.MarkedYAMLError) or (mark := error.problem_mark or error.context_mark) is None:
        return _problem(file, 0, "yaml.syntax", found=str(error), expected="YAML")
    lines = text.split("\n")
    line = mark.line + 1
    tab_line = next(_tab_lines(lines, mark.line), None)
    if tab_line is not None:
        hint = "Replace the tab with spaces (the lines around it show how many)"
        return _problem(
            file, tab_line, "yaml.tab", found="a tab in the indentation", expected="spaces", suggestion=hint
        )
    problem = (error.problem or "broken YAML").strip()
    code, expected, suggestion = _explain(problem, error)
    begins = error.context_mark.line if error.context_mark is not None else mark.line
    if code in ("yaml.quote", "yaml.bracket", "yaml.colon"):
        line = begins + 1
    elif code == "yaml.indentation" and (open_line := _open_quote(lines, begins, mark.line)):
        line, code, expected, suggestion = open_line, "yaml.quote", "a closing quote on this line", "Close the quote"
    shown = lines[line - 1].strip() if line <= len(lines) else ""
    found = f"{quoted(shown)} ({problem})" if shown else problem
    return _problem(file, line, code, found=found, expected=expected, suggestion=suggestion)


def _problem(file: str, line: int, code: str, *, found: str, expected: str, suggestion: str = "") -> Problem:
    return Problem(file=file, line=line, path="", code=code, found=found, expected=expected, suggestion=suggestion)


def _open_quote(lines: list[str], first: int, last: int) -> int | None:
    """Return the 1-based number of a line in this range whose value opens a quote without closing it."""
    return next((index + 1 for index in range(first, last) if _OPEN_QUOTE.search(lines[index])), None)


def _tab_lines(lines: list[str], around: int) -> Iterator[int]:
    """Yield the 1-based numbers of lines near the error that have a tab in their indentation.

    Yield the line of the error first.
    """
    for index in (around, around - 1, around + 1):
        if 0 <= index < len(lines):
            line = lines[index]
            if "\t" in line[: len(line) - len(line.lstrip())] and line.strip():
                yield index + 1


def _explain(problem: str, error: yaml.MarkedYAMLError) -> tuple[str, str, str]:
    """Return code, expected text and suggestion for a libyaml error."""
    context = error.context or ""
    begins = error.context_mark.line + 1 if error.context_mark else 0
    if "did not find expected key" in problem or "did not find expected '-' indicator" in problem:
        what = "an item" if "'-'" in problem else "a key"
        return (
            "yaml.indentation",
            f"{what} in the same column as its block, which starts on line {begins}",
            "Check the indentation of this line and the lines above it",
        )
    if "mapping values are not allowed" in problem:
        return (
            "yaml.indentation",
            "one `key: value` per line, with all keys of a block in one column",
            "Check the indentation; put a text that contains a colon in quotes",
        )
    if "could not find expected ':'" in problem:
        return (
            "yaml.colon",
            "a colon after the key",
            "Add the colon; if the line continues a text, put the text below `|` or in quotes",
        )
    if "escape" in problem:
        return "yaml.syntax", "a valid YAML escape", "Write \\\\ for a backslash, or use single quotes"
    if "block sequence entries are not allowed" in problem:
        return (
            "yaml.indentation",
            "a line that continues the block above it, or a `key:`",
            "Check the indentation; a text of several lines needs `|` or quotes",
        )
    if "quoted scalar" in context:
        return "yaml.quote", f"the closing quote of the text that starts on line {begins}", "Close the quote"
    if "flow" in context:
        return "yaml.bracket", f"the closing bracket for the one on line {begins}", "Close the bracket"
    if "cannot start any token" in problem or context.endswith(("alias", "anchor", "tag", "directive")):
        return "yaml.syntax", "a value", "Put a text that starts with a special character in quotes"
    return "yaml.syntax", "YAML", "Put texts with special characters in quotes"

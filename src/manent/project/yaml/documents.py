"""Parses YAML into data that has line numbers.

No other module parses YAML. The readers of this package call `read_document`. This module processes the events of
libyaml, so a tag never creates a Python object. Scalars are read by the rules of YAML 1.2 (`yes` is a string, `010` is
ten).
"""

import os
import re
from pathlib import Path
from typing import Any

import yaml

from manent.core.errors import Problem
from manent.project.problems import Report, quoted
from manent.project.yaml.repair import Repair, repair
from manent.project.yaml.scalars import read_scalar, scalar_text
from manent.project.yaml.syntax_errors import explain_syntax_error

MAX_DEPTH = 100
"""Maximum depth of nesting.

Real projects have less than 12 levels; more than this maximum is a mistake or an attack.
"""

MAX_NODES = 2_000_000
"""Maximum number of nodes after aliases are expanded. A few lines of nested aliases can expand to billions of nodes."""


MAX_COMPLAINTS = 6
"""Maximum number of syntax errors that are reported per file."""

MAX_REPAIRED = 500_000
"""Maximum number of characters of a file that is repaired. Each repair parses the whole file several times."""


class Map(dict[Any, Any]):
    """A YAML mapping.

    `line` is its first line. `key_lines` and `lines` are the lines of its keys and values (1-based).
    """

    __slots__ = ("key_lines", "line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.key_lines: dict[Any, int] = {}
        self.lines: dict[Any, int] = {}


class Seq(list[Any]):
    """A YAML sequence. `line` is its first line. `lines` are the lines of its items (1-based)."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


class Broken(Exception):
    """A document that cannot be read. The report already contains the reason."""


def plain(value: Any) -> Any:
    """Return a deep copy that consists of plain dicts with string keys and plain lists, as in JSON."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else scalar_text(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def read_document(path: Path, report: Report) -> Any:
    """Parse one file.

    Args:
        path: an existing file.
        report: receives the problems, and formats the file name.

    Returns:
        The document as Maps, Seqs and scalars, or None if the file is empty.

    Raises:
        Broken: the file is not YAML. The report contains the position.
    """
    return parse_document(read_text(path, report), report.name_of(path), report)


def read_text(path: Path, report: Report) -> str:
    """Return a UTF-8 file's text without the byte order mark, and with line feeds as line ends.

    Raises:
        Broken: the file is not readable or not UTF-8.
    """
    file = report.name_of(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        report.error(
            file, 0, "", "file.unreadable", found=error.strerror or str(error), expected="a file that can be read"
        )
        raise Broken from error
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        report.error(
            file,
            line,
            "",
            "file.encoding",
            found=f"the byte 0x{content[error.start]:02x}, which is not UTF-8",
            expected="a text file in UTF-8",
            suggestion="Save the file as UTF-8",
        )
        raise Broken from error
    return _without_separators(text, file, report)


def _without_separators(text: str, file: str, report: Report) -> str:
    """Replace with spaces the characters that end a line in YAML 1.1 but not in editors.

    Pasted texts can contain such characters.
    """
    if not _SEPARATOR.search(text):
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        match = _SEPARATOR.search(line.rstrip())
        if match is not None:
            report.warn(
                file,
                number,
                "",
                "yaml.line-separator",
                found=f"the invisible line separator U+{ord(match[0]):04X}",
                expected="a space (it is read as a space)",
                suggestion="Replace it with a space or a new line",
            )
    return _SEPARATOR.sub(" ", text)


def parse_document(text: str, file: str, report: Report) -> Any:
    """Parse YAML text, as `read_document` does.

    After a syntax error, this function guesses how to repair the line. Parsing then continues, to find the other
    mistakes in the file. The report records lines and names that the guess may have changed or lost.
    """
    text = _decode_escapes(text)
    complaints: list[Problem] = []
    while True:
        try:
            root = _build(text, file, report)
        except Broken:
            _add_all(complaints, report)
            raise
        except yaml.YAMLError as error:
            complaints.append(explain_syntax_error(error, text, file))
            repaired = _repaired(text, complaints)
            if repaired is None:
                report.add(complaints[0])
                raise Broken from error
            text = repaired.text
            report.lose(file, repaired.lost, names=repaired.loses_names)
            continue
        if complaints and not isinstance(root, Map):
            report.add(complaints[0])  # the file is not YAML at all, so its other problems would be misleading
            raise Broken
        _add_all(complaints, report)
        return root


def _add_all(problems: list[Problem], report: Report) -> None:
    for problem in problems:
        report.add(problem)


def _build(text: str, file: str, report: Report) -> Any:
    builder = _Builder(file, report)
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        builder.take(event)
    return builder.root


def _repaired(text: str, complaints: list[Problem]) -> Repair | None:
    if len(complaints) >= MAX_COMPLAINTS or len(text) > MAX_REPAIRED:
        return None
    return repair(text, complaints[-1].line, _first_error)


def _first_error(text: str) -> int | None:
    try:
        for _ in yaml.parse(text, Loader=yaml.CSafeLoader):
            pass
    except yaml.YAMLError as error:
        return explain_syntax_error(error, text, "").line
    return None


# --- building -------------------------------------------------------------------------------------------------------


class _Builder:
    """Converts parser events to data, one event at a time."""

    def __init__(self, file: str, report: Report) -> None:
        self.root: Any = None
        self._file = file
        self._report = report
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        """Process the next event."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._open(event, is_map=kind is yaml.MappingStartEvent)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._close()
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                self._fail(
                    _line(event), "yaml.several-documents", "a second document (`---`)", "only one document per file"
                )

    def _scalar(self, event: Any) -> None:
        line = _line(event)
        style = event.style
        value: Any = event.value
        if event.tag is not None and event.tag != "!":
            value = self._tagged(event, line)
        elif not style:
            value = self._expand(value, line) if "${" in value else read_scalar(value)
        elif style in "|>":
            line += 1
        self._nodes += 1
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._add(value, line, is_merge=not style and value == "<<")

    def _tagged(self, event: Any, line: int) -> Any:
        kind = event.tag.removeprefix("tag:yaml.org,2002:")
        value = read_scalar(event.value)
        if kind == "str":
            return str(event.value)
        if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if kind in _SCALAR_TAGS and isinstance(value, _SCALAR_TAGS[kind]):
            return value
        self._report.error(
            self._file,
            line,
            "",
            "yaml.tag",
            found=f"the tag {quoted(event.tag)}",
            expected="plain YAML values",
            suggestion="Remove the tag",
        )
        return event.value

    def _open(self, event: Any, *, is_map: bool) -> None:
        line = _line(event)
        if event.tag is not None and event.tag not in _COLLECTION_TAGS[is_map]:
            found = f"the tag {quoted(event.tag)}"
            self._report.error(
                self._file, line, "", "yaml.tag", found=found, expected="plain YAML values", suggestion="Remove the tag"
            )
        if len(self._stack) >= MAX_DEPTH:
            self._fail(line, "yaml.too-deep", f"more than {MAX_DEPTH} levels of nesting", "a file with less nesting")
        value: Map | Seq = Map(line) if is_map else Seq(line)
        self._stack.append(_Open(value, event.anchor, self._nodes))

    def _close(self) -> None:
        frame = self._stack.pop()
        value = frame.value
        if frame.merges and isinstance(value, Map):
            _merge(value, frame.merges)
        self._nodes += 1
        if frame.anchor:
            self._anchors[frame.anchor] = (value, self._nodes - frame.nodes_before)
        self._add(value, value.line)

    def _alias(self, event: Any) -> None:
        line = _line(event)
        if event.anchor not in self._anchors:
            found = f"the alias {quoted('*' + event.anchor)}"
            self._fail(line, "yaml.alias", found, f"an anchor `&{event.anchor}` that ends before it")
        value, size = self._anchors[event.anchor]
        self._nodes += size
        if self._nodes > MAX_NODES:
            self._fail(line, "yaml.too-large", "aliases that expand to millions of values", "a smaller file")
        self._add(value, line)

    def _expand(self, text: str, line: int) -> str:
        unset = []

        def value_of(match: re.Match[str]) -> str:
            found = os.environ.get(match[1])
            if found is None:
                unset.append(match)
                return match[0]
            return found

        expanded = _VARIABLE.sub(value_of, text)
        for match in unset:
            if match.start() == 0 or text[match.start() - 1].isspace():
                self._report.error(
                    self._file,
                    line,
                    "",
                    "yaml.unset-variable",
                    found=f'"{match[0]}", but the environment variable {match[1]} is not set',
                    expected="a variable that is set in the environment",
                    suggestion=f"Set {match[1]}, or put the value in quotes to keep it unchanged",
                )
        return expanded

    def _add(self, value: Any, line: int, *, is_merge: bool = False) -> None:
        if not self._stack:
            self.root = value
            return
        frame = self._stack[-1]
        target = frame.value
        if isinstance(target, Seq):
            target.append(value)
            target.lines.append(line)
        elif not frame.has_key:
            if isinstance(value, (dict, list)):
                self._fail(line, "yaml.key", "a list or mapping as a key", "a name as key")
            frame.key, frame.key_line, frame.has_key, frame.is_merge = value, line, True, is_merge
        else:
            frame.has_key = False
            if frame.is_merge:
                frame.merges.append(value)
            elif frame.key in target:
                first = target.key_lines[frame.key]
                self._report.error(
                    self._file,
                    frame.key_line,
                    ".".join(scalar_text(open_.key) for open_ in self._stack if isinstance(open_.value, Map)),
                    "yaml.duplicate-key",
                    found=f'the key "{scalar_text(frame.key)}" a second time (the first is on line {first})',
                    expected="each key once",
                    suggestion="Remove or rename one of them",
                )
            else:
                target[frame.key] = value
                target.key_lines[frame.key] = frame.key_line
                target.lines[frame.key] = line

    def _fail(self, line: int, code: str, found: str, expected: str) -> None:
        self._report.error(self._file, line, "", code, found=found, expected=expected)
        raise Broken


class _Open:
    """A collection whose end event has not been processed yet."""

    __slots__ = ("anchor", "has_key", "is_merge", "key", "key_line", "merges", "nodes_before", "value")

    def __init__(self, value: Map | Seq, anchor: str | None, nodes_before: int) -> None:
        self.value = value
        self.anchor = anchor
        self.nodes_before = nodes_before
        self.has_key = False
        self.is_merge = False
        self.key: Any = None
        self.key_line = 0
        self.merges: list[Any] = []


def _merge(target: Map, merges: list[Any]) -> None:
    """Apply `<<: *anchor`.

    The mapping's own keys override keys from anchors, and earlier anchors override later ones.
    """
    for merge in merges:
        for source in merge if isinstance(merge, list) else [merge]:
            if isinstance(source, Map):
                for key, value in source.items():
                    if key not in target:
                        target[key] = value
                        target.key_lines[key] = source.key_lines[key]
                        target.lines[key] = source.lines[key]


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


_SEPARATOR = re.compile("[\x85\u2028\u2029]")
_VARIABLE = re.compile(r"\$\{([^{}$]+)\}")
_COLLECTION_TAGS = {True: ("!", "tag:yaml.org,2002:map"), False: ("!", "tag:yaml.org,2002:seq")}
_SCALAR_TAGS: dict[str, type | tuple[type, ...]] = {"int": int, "float": float, "bool": bool, "null": type(None)}


def _decode_escapes(text: str) -> str:
    r"""Decode `\uXXXX`, even outside of quotes, in a file that contains only ASCII, as Rasa does (contract §1)."""
    if ("\\u" not in text and "\\U" not in text) or not text.isascii():
        return text
    try:
        decoded = text.encode("ascii").decode("raw_unicode_escape")
        return decoded.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return text  # an invalid escape is not changed, and the rules of YAML apply to it

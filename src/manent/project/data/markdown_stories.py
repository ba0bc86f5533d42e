"""Reads stories written in Markdown (format 1.x). Called by `reading`, `stories` and `migration`.

This module converts the text to the document that the YAML reader would return for the same stories. The document has
the line numbers of the Markdown file. The reader of YAML documents then checks it.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from manent.project.data.markdown import FORM_PREFIX, markdown_lines
from manent.project.problems import Report, quoted
from manent.project.yaml.building import append, lined, put
from manent.project.yaml.documents import Map, Seq

_SEVERAL = re.compile(r"\s+OR\s+(?![^{}]*\})")
_NAME = re.compile(r"/?([^{:]*)")
_DEACTIVATE = {"action_deactivate_form": "action_deactivate_loop"}
"""Actions that have a different name in later formats."""

_WITHOUT_EFFECT = frozenset(
    """
    action_session_start session_started export pause resume followup reminder cancel_reminder bot user
    form_validation action_execution_rejected undo_loop
    """.split()  # noqa: SIM905 - a list with one quoted name per line would be hard to read
)
"""Events that a story can contain and that training ignores."""

_decoder = json.JSONDecoder()


class _NotRead(Exception):
    """A line that cannot be understood."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found)
        self.found = found
        self.expected = expected


@dataclass(slots=True)
class _Writer:
    """Builds the document of a file."""

    stories: Seq = field(default_factory=lambda: Seq(1))
    titles: set[int] = field(default_factory=set)
    name: str = ""
    steps: Seq | None = None
    parts: int = 1

    def begin(self, name: str, line: int) -> None:
        """Begin a story."""
        self.name, self.parts = name, 1
        self._open(name, line)

    def begin_part(self, line: int) -> None:
        """Begin another story after the conversation was restarted."""
        if self.steps:
            self.parts += 1
            self._open(f"{self.name}, part {self.parts}", line)

    def _open(self, name: str, line: int) -> None:
        self.steps = Seq(line)
        story = Map(line)
        put(story, "story", name, line)
        put(story, "steps", self.steps, line)
        append(self.stories, story, line)

    def add(self, step: dict[str, Any], line: int) -> None:
        """Add a step to the newest story."""
        if self.steps is not None:
            append(self.steps, step, line)

    def take_back(self, kind: str) -> None:
        """Remove the newest step of this kind and all steps after it."""
        steps = self.steps if self.steps is not None else Seq(1)
        index = next((index for index in reversed(range(len(steps))) if _kind(steps[index]) == kind), None)
        if index is not None:
            del steps[index:], steps.lines[index:]

    def reset_slots(self, line: int) -> None:
        """Add steps that set to null every slot that the story has set."""
        events = [step["slot_was_set"] for step in self.steps or () if _kind(step) == "slot"]
        for name in dict.fromkeys(name for slots in events for slot in slots for name in slot):
            self.add({"slot_was_set": [{name: None}]}, line)


def _kind(step: dict[str, Any]) -> str:
    if "action" in step:
        return "action"
    return "slot" if "slot_was_set" in step and "checkpoint" not in step else "user" if _is_turn(step) else ""


def _is_turn(step: dict[str, Any]) -> bool:
    return any(key in step for key in ("intent", "user", "or"))


def stories_document(text: str, file: str, report: Report, *, is_test: bool = False) -> Map:
    """Return a Markdown file's stories as the document of a YAML file.

    Args:
        text: content of the file.
        file: name of the file in messages.
        report: receives problems.
        is_test: whether to read lines that begin with `form:`. Training ignores them, as Rasa 1.x does.
    """
    writer = _Writer()
    for number, raw in enumerate(markdown_lines(text), start=1):
        line = raw.strip()
        if not line:
            continue
        if FORM_PREFIX.match(line):
            if not is_test:
                continue
            line = FORM_PREFIX.sub(r"\1 ", line)
        try:
            _take(writer, line, number, file, report)
        except _NotRead as error:
            report.error(file, number, "stories", "story.markdown", found=error.found, expected=error.expected)
    document = Map(1)
    stories = Seq(1)
    for story, begin in zip(writer.stories, writer.stories.lines, strict=True):
        if story["steps"] or begin not in writer.titles:
            append(stories, story, begin)
    put(document, "stories", stories, 1)
    return document


def _take(writer: _Writer, line: str, number: int, file: str, report: Report) -> None:
    sign, content = line[0], line[1:].strip()
    if sign == "#":
        if not line.startswith("##"):
            writer.titles.add(number)  # `# About orders` is a story only if steps follow
        writer.begin(line.strip("# ") or f"story at {file}:{number}", number)
        return
    if sign not in "*->":
        expected = "a line that begins with `##`, `*`, `-` or `>` (this line is left out)"
        report.warn(file, number, "stories", "story.markdown-line", found=quoted(line), expected=expected)
        return
    if writer.steps is None:
        name = f"story at {file}:{number}"
        found = "a step before the first heading"
        report.warn(file, number, "stories", "story.name", found=found, expected="`## name`, the name of the story")
        writer.begin(name, number)
    if sign == "*":
        turns = [_turn(part, number) for part in _SEVERAL.split(content)]
        writer.add(turns[0] if len(turns) == 1 else {"or": lined(turns, number)}, number)
    elif sign == ">":
        name, values = _event(content)
        step: dict[str, Any] = {"checkpoint": name}
        writer.add(step | ({"slot_was_set": _slots(values)} if values else {}), number)
    else:
        _take_event(writer, content, number)


def _take_event(writer: _Writer, content: str, line: int) -> None:
    """Add an action, or an event with its values, such as `slot{"name": "value"}`."""
    name, values = _event(content)
    match name:
        case "slot":
            if values is None:
                raise _NotRead(quoted(content), '`slot{"name": "value"}`')
            for slot in _slots(values):
                writer.add({"slot_was_set": [slot]}, line)
        case "form" | "active_loop" if values is not None:
            writer.add({"active_loop": values.get("name")}, line)
        case "action" if values is not None:
            writer.add({"action": values.get("name")}, line)
        case "restart":
            writer.begin_part(line)
        case "reset_slots":
            writer.reset_slots(line)
        case "rewind":
            writer.take_back("user")
        case "undo":
            writer.take_back("action")
        case _ if name not in _WITHOUT_EFFECT:
            writer.add({"action": _DEACTIVATE.get(name, name)}, line)


def _slots(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: value} for name, value in values.items()]


def _event(content: str) -> tuple[str, dict[str, Any] | None]:
    """Split `name{"key": "value"}` into the name and the values. Return None as the values if there are no braces."""
    name, brace, _ = content.partition("{")
    if not name.strip():
        raise _NotRead(quoted(content), "a name")
    if not brace:
        return name.strip(), None
    values, end = _values(content, len(name))
    if content[end:].strip():
        raise _NotRead(quoted(content[end:].strip()), "nothing after the braces")
    return name.strip(), values


def _values(content: str, start: int) -> tuple[dict[str, Any], int]:
    try:
        values, end = _decoder.raw_decode(content, start)
    except (json.JSONDecodeError, RecursionError) as error:
        expected = 'a JSON object such as {"name": "value"}, with keys and texts in double quotes'
        raise _NotRead(quoted(content[start:]), expected) from error
    return values, end


def _turn(content: str, line: int) -> Map:
    """Read a user turn: `intent`, `intent{"entity": "value"}`, and in test stories `intent: text`."""
    match = _NAME.match(content)
    name = match[1].strip() if match is not None else ""
    if not name:
        raise _NotRead(quoted(content), "the name of an intent")
    end = match.end() if match is not None else 0
    values: dict[str, Any] = {}
    if content[end : end + 1] == "{":
        values, end = _values(content, end)
    text = content[end:].strip()
    if text and not text.startswith(":"):
        raise _NotRead(quoted(text), "nothing, or `: ` and the text of a test story")
    step = Map(line)
    put(step, "intent", name, line)
    if text := text[1:].strip():
        put(step, "user", text, line)
    if values:
        put(step, "entities", lined(_entities(values), line), line)
    return step


def _entities(values: dict[str, Any]) -> list[Any]:
    """Return a turn's entities. A list stands for several entities with the same name."""
    pairs = [(name, each) for name, value in values.items() for each in (value if isinstance(value, list) else [value])]
    return [{name: value} if value is not None else name for name, value in pairs]

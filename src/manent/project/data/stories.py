"""Reads stories, rules and test stories.

Called by `reading`, and by commands that evaluate. This module checks only the structure. `checks` checks the names,
because it has the whole project.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from manent.core.training_data import (
    ActionStep,
    CheckpointStep,
    EntityMention,
    EntityStep,
    LoopStep,
    OrStep,
    Rule,
    SlotStep,
    Step,
    Stories,
    Story,
    UserStep,
)
from manent.project.data.annotations import read_annotated
from manent.project.data.markdown import has_test_stories, markdown_kind
from manent.project.data.markdown_stories import stories_document
from manent.project.files import MARKDOWN_SUFFIXES, STORY_SUFFIXES, find_files, is_stories, is_test_file
from manent.project.problems import Report, Spot, did_you_mean, one_of
from manent.project.versions import is_readable, read_version
from manent.project.yaml.documents import Broken, parse_document, plain, read_text

STORY_KEYS = ("story", "steps", "metadata")
RULE_KEYS = ("rule", "steps", "condition", "conversation_start", "wait_for_user_input", "metadata")
_ANYTHING_BEFORE = "..."
"""Name of a first action that means that any turns can precede the rule. This is the default, so it is dropped."""
STEP_KEYS = ("intent", "user", "action", "bot", "checkpoint", "slot_was_set", "active_loop", "or")
"""Kinds of steps. A checkpoint can also contain the key `slot_was_set`, so `checkpoint` precedes `slot_was_set`."""
_BESIDE = {
    "intent": ("intent", "user", "entities", "metadata"),
    "user": ("intent", "user", "entities", "metadata"),
    "action": ("action", "metadata"),
    "bot": ("bot", "metadata"),
    "slot_was_set": ("slot_was_set",),
    "active_loop": ("active_loop",),
    "checkpoint": ("checkpoint", "slot_was_set"),
    "or": ("or",),
}


@dataclass(slots=True)
class StoryFiles:
    """Stories and rules of the files read so far."""

    stories: list[Story] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    is_broken: bool = False


def read_test_stories(paths: Iterable[Path], *, root: Path | None = None) -> Stories:
    """Read test stories.

    In a directory, read the files named `test_*.yml`, and the Markdown files of format 1.x that contain user texts. A
    path to a single file can have any name.

    Args:
        paths: files and directories.
        root: the project folder. File names in messages are relative to it. Default: the working directory.

    Raises:
        ProjectError: contains the mistakes from all files.
    """
    paths = list(paths)
    report = Report(root or Path())
    found = StoryFiles()
    for path in find_files(paths, STORY_SUFFIXES):
        is_markdown = path.suffix in MARKDOWN_SUFFIXES
        if path not in paths and not is_markdown and not is_test_file(path):
            continue
        file = report.name_of(path)
        try:
            text = read_text(path, report)
            if not is_markdown:
                document = parse_document(text, file, report) if is_stories(text) else None
            elif markdown_kind(text) == "stories" and (path in paths or has_test_stories(text)):
                document = stories_document(text, file, report, is_test=True)
            else:
                document = None
            if document is not None:
                add_stories_document(found, document, file, report, is_test=True)
        except Broken:
            continue
    report.raise_errors()
    return Stories(stories=tuple(found.stories), rules=tuple(found.rules))


def add_stories_document(data: StoryFiles, document: Any, file: str, report: Report, *, is_test: bool = False) -> None:
    """Add the `stories:` and `rules:` of one parsed file."""
    root = Spot(document, file, 1, "", report)
    if is_test and not is_readable(read_version(document, file, report), file, 1, report):
        return
    if (stories := root.get("stories")) is not None:
        for item in stories.items():
            if (story := _story(item, is_test=is_test)) is not None:
                data.stories.append(story)
    if (rules := root.get("rules")) is not None:
        for item in rules.items():
            if (rule := _rule(item)) is not None:
                data.rules.append(rule)


def _story(item: Spot, *, is_test: bool) -> Story | None:
    name = _head(item, "story", STORY_KEYS)
    if name is None:
        return None
    metadata = item.get("metadata")
    return Story(
        name=name,
        steps=_steps(item, is_test=is_test),
        metadata=plain(metadata.value) if metadata is not None else None,
        where=item.where,
    )


def _rule(item: Spot) -> Rule | None:
    name = _head(item, "rule", RULE_KEYS)
    if name is None:
        return None
    flags = {"conversation_start": False, "wait_for_user_input": True}
    for key in flags:
        if (spot := item.get(key)) is not None and (flag := spot.flag()) is not None:
            flags[key] = flag
    steps = _steps(item, is_test=False)
    if steps and isinstance(steps[0], ActionStep) and steps[0].name == _ANYTHING_BEFORE:
        steps = steps[1:]
    return Rule(
        name=name,
        steps=steps,
        conditions=_conditions(item),
        conversation_start=flags["conversation_start"],
        wait_for_user_input=flags["wait_for_user_input"],
        where=item.where,
    )


def _head(item: Spot, kind: str, keys: tuple[str, ...]) -> str | None:
    """Check the keys of a story or rule and return its name."""
    spot = item.get(kind)
    if spot is None:
        keys_found = ", ".join(map(str, item.value)) if isinstance(item.value, dict) else ""
        found = f"the keys {keys_found}" if keys_found else None
        if not isinstance(item.value, dict) or "steps" not in item.value:
            item.error(f"{kind}.name", f"`{kind}: <name>` and `steps:`", found=found)
            return None
        item.warn(f"{kind}.name", f"`{kind}: <name>`", f"Name the {kind}", found=found)
    item.only(keys, f"{kind}.unknown-key", f"a key that a {kind} can have")
    if spot is not None and spot.value is None:
        spot.warn(f"{kind}.name", f"the name of the {kind}", f"Name the {kind}")
    name = spot.text() if spot is not None and spot.value is not None else f"{kind} at {item.file}:{item.line}"
    if item.get("steps") is None:
        expected = f"`steps:` (the {kind} is ignored)"
        item.warn(f"{kind}.no-steps", expected, found=f"a {kind} without steps")
    return name


def _conditions(item: Spot) -> tuple[SlotStep | LoopStep, ...]:
    spot = item.get("condition")
    if spot is None:
        return ()
    conditions: list[SlotStep | LoopStep] = []
    for entry in spot.items():
        kind = _kind(entry, ("slot_was_set", "active_loop"), "rule.condition", "a condition")
        if kind == "slot_was_set":
            conditions += _slots(entry)
        elif kind == "active_loop":
            conditions += _loop(entry)
    return tuple(conditions)


# --- steps ----------------------------------------------------------------------------------------------------------


def _steps(item: Spot, *, is_test: bool) -> tuple[Step, ...]:
    spot = item.get("steps")
    if spot is None:
        return ()
    if spot.value in (None, []):
        spot.warn("story.no-steps", "at least one step", found="no steps")
        return ()
    steps: list[Step] = []
    for entry in spot.items():
        steps += _step(entry, is_test=is_test)
    return tuple(steps)


def _kind(entry: Spot, kinds: tuple[str, ...], code: str, what: str) -> str | None:
    """Return the kind of an entry, which its keys determine. If no kind matches, report a problem and return None."""
    if not isinstance(entry.value, dict):
        entry.error(code, f"{what}, {one_of(kinds)}", _key_hint(entry.value) if kinds == STEP_KEYS else "")
        return None
    kind = next((key for key in kinds if key in entry.value), None)
    if kind is None:
        keys = [str(key) for key in entry.value]
        hint = next((hint for key in keys if (hint := did_you_mean(key, kinds))), "")
        entry.error(code, f"{what}, {one_of(kinds)}", hint, found=f"the key {', '.join(keys) or '(none)'}")
    return kind


def _key_hint(value: Any) -> str:
    """Suggest how to write a step that consists only of a name."""
    if not isinstance(value, str) or not value or " " in value:
        return ""
    is_action = value.startswith(("utter_", "action_"))
    return f"Write `- action: {value}`" + ("" if is_action else f", or `- intent: {value}`")


def _step(entry: Spot, *, is_test: bool) -> list[Step]:
    kind = _kind(entry, STEP_KEYS, "story.step", "a step")
    if kind is None:
        return []
    entry.only(_BESIDE[kind], "story.step-key", f"a key that the step `{kind}:` can have")
    match kind:
        case "intent" | "user":
            return _user(entry, is_test=is_test)
        case "action":
            return _action(entry)
        case "bot":
            spot = entry.get("bot")
            text = spot.text() if spot is not None else None
            return [ActionStep(text=text.strip(), where=entry.where)] if text else []
        case "slot_was_set":
            return list(_slots(entry))
        case "active_loop":
            return list(_loop(entry))
        case "checkpoint":
            spot = entry.get("checkpoint")
            name = spot.text() if spot is not None else None
            return [CheckpointStep(name=name, slots=_slots(entry), where=entry.where)] if name else []
        case _:
            return _alternatives(entry, is_test=is_test)


def _action(entry: Spot) -> list[Step]:
    spot = entry.get("action")
    if spot is not None and spot.value is None:
        spot.warn("story.step", "the name of an action (the step is ignored)")
        return []
    name = spot.name("the name of an action") if spot is not None else None
    return [ActionStep(name=name, where=entry.where)] if name is not None else []


def _user(entry: Spot, *, is_test: bool) -> list[Step]:
    intent = _intent(entry, is_test=is_test)
    spot = entry.get("user")
    text: str | None = None
    mentions: tuple[EntityMention, ...] = ()
    if spot is not None and (raw := spot.text()) is not None:
        text, mentions = _annotated(spot, raw.strip())
    if intent is None and text is None:
        return []
    return [UserStep(intent=intent, text=text, entities=_entities(entry), mentions=mentions, where=entry.where)]


def _annotated(spot: Spot, raw: str) -> tuple[str | None, tuple[EntityMention, ...]]:
    if raw.startswith("/"):
        return raw, ()
    annotated = read_annotated(raw, spot.report, file=spot.file, line=spot.line, path=spot.path, section="story")
    return (annotated.text, annotated.mentions) if annotated is not None else (None, ())


def _intent(entry: Spot, *, is_test: bool) -> str | None:
    spot = entry.get("intent")
    if spot is None:
        return None
    if spot.value is None:
        spot.warn("story.step", "the name of an intent (the step is ignored)")
        return None
    name = spot.name("the name of an intent")
    if name is None:
        return None
    name = name.removeprefix("/")
    if "/" in name and not is_test:
        retrieval = name.partition("/")[0]
        spot.warn("story.retrieval-intent", f'"{retrieval}", because stories do not contain response keys')
        return retrieval
    return name


def _entities(entry: Spot) -> tuple[EntityStep, ...]:
    spot = entry.get("entities")
    if spot is None:
        return ()
    entities = []
    for item in spot.items():
        if isinstance(item.value, dict):
            labels = {key: _label(item, key) for key in ("role", "group")}
            names = [key for key in item.value if key not in labels]
            if len(names) != 1 or not isinstance(names[0], str):
                item.error("story.entity", "`- name: value`, with a role or a group if needed")
                continue
            value = plain(item.value[names[0]])
            entities.append(EntityStep(entity=names[0], value=value, role=labels["role"], group=labels["group"]))
        elif (name := item.name("the name of an entity")) is not None:
            entities.append(EntityStep(entity=name))
    return tuple(entities)


def _label(item: Spot, key: str) -> str | None:
    spot = item.get(key)
    return spot.text() if spot is not None and spot.value is not None else None


def _slots(entry: Spot) -> tuple[SlotStep, ...]:
    spot = entry.get("slot_was_set")
    if spot is None:
        return ()
    if isinstance(spot.value, dict):
        return tuple(_slot(name, value) for name, value in spot.entries())
    if isinstance(spot.value, str):
        return (SlotStep(name=spot.value, has_value=False, where=spot.where),)
    slots: list[SlotStep] = []
    for item in spot.items():
        if isinstance(item.value, dict):
            slots += [_slot(name, value) for name, value in item.entries()]
        elif (name := item.name("the name of a slot")) is not None:
            slots.append(SlotStep(name=name, has_value=False, where=item.where))
    return tuple(slots)


def _slot(name: str, value: Spot) -> SlotStep:
    return SlotStep(name=name, value=plain(value.value), where=value.where)


def _loop(entry: Spot) -> tuple[LoopStep, ...]:
    spot = entry.get("active_loop")
    if spot is None:
        return ()
    if spot.value is None:
        return (LoopStep(name=None, where=entry.where),)
    name = spot.name("the name of a form, or null")
    return (LoopStep(name=name, where=entry.where),) if name is not None else ()


def _alternatives(entry: Spot, *, is_test: bool) -> list[Step]:
    spot = entry.get("or")
    if spot is None:
        return []
    alternatives: list[UserStep | tuple[SlotStep, ...]] = []
    for item in spot.items():
        kind = _kind(item, ("intent", "user", "slot_was_set"), "story.or", "an alternative")
        if kind == "slot_was_set":
            if slots := _slots(item):
                alternatives.append(slots)
        elif kind is not None:
            alternatives += [step for step in _user(item, is_test=is_test) if isinstance(step, UserStep)]
    if not alternatives:
        return []
    return [OrStep(alternatives=tuple(alternatives), where=entry.where)]

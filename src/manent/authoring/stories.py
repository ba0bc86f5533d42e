"""Writes stories as YAML that `manent test` reads.

The stories are conversations (`GET …/story`), or evaluated test stories with comments on wrong predictions. The
functions return strings and write no files.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import yaml

from manent.core.events import (
    ActionExecuted,
    ActiveLoop,
    Event,
    Json,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from manent.core.markup import annotated
from manent.dialogue.evaluation import Move, Played

_HEAD = ('version: "3.1"', "stories:")
_OMITTED = ("action_listen", "action_session_start", "action_extract_slots")


def write(name: str, events: Sequence[Event]) -> str:
    """Return the YAML of a conversation: one story for each session that has steps.

    If no session has steps, return a file without stories.
    """
    sessions = [steps for session in _sessions(events) if (steps := _lines((event, "") for event in session))]
    if not sessions:
        return f"{_HEAD[0]}\n"
    stories = []
    for number, steps in enumerate(sessions, 1):
        title = name if len(sessions) == 1 else f"{name}, story {number}"
        stories += [f"- story: {write_scalar(title)}", "  steps:", *steps]
    return "\n".join([*_HEAD, *stories, ""])


def write_played(played: Iterable[Played], *, otherwise: str) -> str:
    """Return the YAML of evaluated stories. Comments on the steps show wrong predictions.

    Args:
        played: the evaluated stories.
        otherwise: comment to write if there are no stories.
    """
    stories = []
    for each in played:
        title = f"{each.name} ({each.file})" if each.file else each.name
        stories += [
            f"- story: {write_scalar(title)}",
            "  steps:",
            *_lines((move.event, _remark(move)) for move in each.moves),
        ]
    return "\n".join([*_HEAD, *stories, ""]) if stories else f"# {otherwise}\n"


def _remark(move: Move) -> str:
    """Return a comment with the prediction if it was wrong, or "" if it was right."""
    parts = []
    if not move.is_right:
        parts.append(f"predicted: {move.pairs[0][1]}")
    if isinstance(move.event, UserUttered) and any(one != other for one, other in move.pairs[1:]):
        parts.append(" ".join(annotated(move.event.text or "", move.predicted_entities).split()))
    if move.was_unlikely:
        parts.append("the previous message was unlikely (action_unlikely_intent)")
    return f"  # {': '.join(parts)}" if parts else ""


def _sessions(events: Iterable[Event]) -> Iterator[list[Event]]:
    session: list[Event] = []
    for event in events:
        if isinstance(event, SessionStarted | Restarted):
            yield session
            session = []
        else:
            session.append(event)
    yield session


def _lines(events: Iterable[tuple[Event, str]]) -> list[str]:
    """Return the lines of all steps. Add the comment about an event to the first line of its step."""
    lines: list[str] = []
    is_in_slots = False
    for event, remark in events:
        if isinstance(event, SlotSet):
            lines += [] if is_in_slots else ["  - slot_was_set:"]
            lines.append(f"    - {write_scalar(event.name)}: {write_scalar(event.value)}")
            is_in_slots = True
        elif step := _step(event, remark):
            lines += [step[0] + remark, *step[1:]]
            is_in_slots = False
    return lines


def _step(event: Event, remark: str) -> list[str]:
    match event:
        case UserUttered(text=str(text)):
            body = [f"      {line}".rstrip() for line in annotated(text, event.entities).split("\n")]
            intent = [f"  - intent: {write_scalar(event.intent)}", "    user: |-"]
            return [*(intent if event.intent else ["  - user: |-"]), *body]
        case UserUttered():
            entities = [
                f"    - {write_scalar(each['entity'])}: {write_scalar(each.get('value'))}" for each in event.entities
            ]
            return [f"  - intent: {write_scalar(event.intent)}", *(["    entities:", *entities] if entities else [])]
        case ActionExecuted() if event.name in _OMITTED:
            # If the action were a separate step, the bot would listen twice when the story is played.
            return [f"  # {event.name}"] if remark else []
        case ActionExecuted():
            return [
                f"  - action: {write_scalar(event.name)}"
                if event.name
                else f"  - bot: {write_scalar(event.action_text)}"
            ]
        case ActiveLoop():
            return [f"  - active_loop: {write_scalar(event.name)}"]
        case _:
            return []


def document_to_yaml(document: Json) -> str:
    """Return the stories of a parsed document as a file of format 3.1."""
    lines = ['version: "3.1"', "", "stories:"]
    for story in document["stories"]:
        steps = [line for step in story["steps"] for line in _mapping_lines(step, "  ")]
        lines += [f"- story: {write_scalar(story['story'])}", *(["  steps:", *steps] if steps else ["  steps: []"]), ""]
    return "\n".join(lines)


def _mapping_lines(mapping: Json, indent: str) -> Iterator[str]:
    """Yield the lines of a mapping that is an item of a list."""
    lead = f"{indent}- "
    for key, value in mapping.items():
        if isinstance(value, list):
            yield f"{lead}{write_scalar(key)}:"
            for item in value:
                yield from (
                    _mapping_lines(item, f"{indent}  ")
                    if isinstance(item, dict)
                    else [f"{indent}  - {write_scalar(item)}"]
                )
        else:
            yield f"{lead}{write_scalar(key)}: {write_scalar(value)}"
        lead = f"{indent}  "


def write_scalar(value: Any) -> str:
    """Return a value as YAML on one line. Objects are written as JSON."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    style = '"' if isinstance(value, str) and value.splitlines() not in ([], [value]) else None
    shown: str = yaml.safe_dump(
        value, default_style=style, default_flow_style=True, allow_unicode=True, width=1_000_000
    )
    return shown.removesuffix("\n").removesuffix("\n...")

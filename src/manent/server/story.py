"""A conversation as a test story (`GET …/story`): YAML that `manent test` reads back."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import yaml

from manent.core.events import (
    ActionExecuted,
    ActiveLoop,
    BotUttered,
    Event,
    Json,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUttered,
)

_UNTOLD = ("action_listen", "action_session_start", "action_extract_slots")
_PAYLOAD_EXTRACTOR = "RegexMessageHandler"


def write(name: str, events: Sequence[Event]) -> str:
    """Return the YAML of one story a session; events of no session make one story without steps."""
    sessions = [session for session in _sessions(events) if any(_steps(session))] or [[]]
    stories = []
    for number, session in enumerate(sessions, 1):
        title = name if len(sessions) == 1 else f"{name}, story {number}"
        steps = [line for step in _steps(session) for line in step]
        stories += [f"- story: {_scalar(title)}", *(["  steps:", *steps] if steps else ["  steps: []"])]
    return "\n".join(['version: "3.1"', "stories:", *stories, ""])


def _sessions(events: Iterable[Event]) -> Iterator[list[Event]]:
    session: list[Event] = []
    for event in events:
        if isinstance(event, SessionStarted | Restarted):
            yield session
            session = []
        else:
            session.append(event)
    yield session


def _steps(events: Sequence[Event]) -> Iterator[list[str]]:
    """Yield the lines of each step."""
    slots: list[str] = []
    for event in events:
        if isinstance(event, SlotSet):
            slots.append(f"    - {_scalar(event.name)}: {_scalar(event.value)}")
            continue
        if isinstance(event, BotUttered):
            continue
        lines = _step(event)
        if not lines:
            continue
        if slots:
            yield ["  - slot_was_set:", *slots]
            slots = []
        yield lines
    if slots:
        yield ["  - slot_was_set:", *slots]


def _step(event: Event) -> list[str]:
    match event:
        case UserUttered():
            text = annotated(event.text or "", event.entities)
            body = [f"      {line}".rstrip() for line in text.split("\n")]
            return [f"  - intent: {_scalar(event.intent)}", "    user: |-", *body]
        case ActionExecuted() if event.name is not None:
            return [] if event.name in _UNTOLD else [f"  - action: {_scalar(event.name)}"]
        case ActionExecuted():
            return [f"  - bot: {_scalar(event.action_text)}"]
        case ActiveLoop():
            return [f"  - active_loop: {_scalar(event.name)}"]
        case _:
            return []


def annotated(text: str, entities: Sequence[Json]) -> str:
    """Return a message with its entities marked as training data has them; payloads (`/intent{…}`) stay as they are."""
    parts: list[str] = []
    end = 0
    for entity in sorted((each for each in entities if _is_marked(each, text)), key=lambda each: int(each["start"])):
        if entity["start"] < end:
            continue  # one of two that overlap
        parts += [text[end : entity["start"]], _mark(text[entity["start"] : entity["end"]], entity)]
        end = entity["end"]
    return "".join([*parts, text[end:]])


def _is_marked(entity: Json, text: str) -> bool:
    start, end = entity.get("start"), entity.get("end")
    return (
        entity.get("extractor") != _PAYLOAD_EXTRACTOR
        and isinstance(start, int)
        and isinstance(end, int)
        and 0 <= start < end <= len(text)
    )


def _mark(text: str, entity: Json) -> str:
    kept = {key: entity[key] for key in ("entity", "role", "group", "value") if entity.get(key) is not None}
    if kept.get("value") == text:
        del kept["value"]
    if kept.keys() == {"entity"}:
        return f"[{text}]({kept['entity']})"
    return f"[{text}]" + _scalar(kept, flow=True)


def _scalar(value: Any, *, flow: bool = False) -> str:
    """Return a value as YAML writes it on one line; objects in JSON's way."""
    if flow or isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    shown: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1_000_000)
    return shown.removesuffix("\n").removesuffix("\n...")

"""Replays every step of a recorded conversation and reports its differences."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from manent.core.events import Json
from peer import comparing, player


@dataclass(frozen=True)
class Difference:
    """A step that went otherwise than recorded."""

    conversation: str
    step: int
    what: str

    def __str__(self) -> str:
        return f"{self.conversation} step {self.step}: {self.what}"


def _parses(step: Json) -> Json:
    """What the NLU made of the texts of a step, as recorded."""
    parses: Json = {}
    for event in step.get("events", ()):
        if event["event"] == "user" and event["text"] not in parses:
            intent = {"name": event["intent"], "confidence": event.get("_confidence", 0.0)}
            parses[event["text"]] = {
                "text": event["text"],
                "intent": intent,
                "intent_ranking": [intent],
                "entities": event["entities"],
            }
    return parses


def replay(assistant: player.Assistant, conversation: Json, *, strict: bool = False) -> Iterator[Difference]:
    """Play a conversation; yield the first difference of each step that differs."""
    talk = assistant.player()
    for number, step in enumerate(conversation["steps"]):
        talk.parses = _parses(step)
        before = len(talk.events)
        action = step["step"]
        if "user" in action:
            talk.say(action)
        elif "wait" in action:
            talk.wait(action["wait"])
        elif "http" in action and not talk.http(action["http"]):
            continue
        elif "sio" in action:
            return
        if "state" not in step:
            continue
        events = [comparing.normalised(event) for event in talk.events[before:]]
        expected = comparing.carried_once(step["events"])
        if not strict:
            events, expected = _loosened(events), _loosened(expected)
        what = comparing.first_difference(expected, events, "events")
        state = comparing.state_of(talk.tracker)
        known = step["state"] if strict else {key: step["state"][key] for key in _LOOSE_STATE}
        known = {**known, "slots": _filled(known["slots"])}
        found = {key: state[key] for key in known} | {"slots": _filled(state["slots"])}
        what = what or comparing.first_difference(known, found, "state")
        if what is not None:
            yield Difference(conversation["id"], number, what)


def _filled(slots: Json) -> Json:
    """Leave out the slots without a value: some recordings don't list them."""
    return {name: value for name, value in slots.items() if value is not None}


_LOOSE_STATE = ("slots", "active_loop", "latest_action_name", "intent")


def _loosened(events: list[Json]) -> list[Json]:
    """Keep what identifies an event, and what was said."""
    keys = {
        "action": ("name", "action_text"),
        "user": ("intent", "text"),
        "bot": ("text", "data"),
        "slot": ("name", "value"),
    }
    loose: list[Json] = []
    for event in events:
        wanted: tuple[Any, ...] = keys.get(event["event"], ("name", "is_loop_interrupted", "intent"))
        loose.append({"event": event["event"], **{key: event[key] for key in wanted if event.get(key) is not None}})
    return loose

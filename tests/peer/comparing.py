"""Compares what a conversation did with what was recorded: events, slots, loop, latest action."""

import re
from typing import Any

from manent.core.events import Event, Json, event_to_wire
from manent.core.tracker import Tracker
from manent.runtime.tracker_json import tracker_to_wire

_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")
_OWN_METADATA = ("model_id", "assistant_id")


def normalised(event: Event) -> Json:
    """Return an event as recordings have it: without times, ids and confidences."""
    wire = event_to_wire(event)
    kind = wire["event"]
    seen: Json = {"event": kind}
    match kind:
        case "action":
            seen |= {"name": wire["name"], "policy": wire["policy"]}
            if wire["action_text"]:
                seen["action_text"] = wire["action_text"]
            if wire["hide_rule_turn"]:
                seen["hide_rule_turn"] = True
        case "user":
            parse_data = wire["parse_data"]
            seen["text"] = wire["text"]
            seen["intent"] = (parse_data.get("intent") or {}).get("name")
            seen["entities"] = [
                {
                    key: entity[key]
                    for key in ("entity", "value", "role", "group", "start", "end", "extractor", "processors")
                    if entity.get(key) is not None
                }
                for entity in parse_data.get("entities") or []
            ]
            seen["input_channel"] = wire["input_channel"]
        case "bot":
            seen["text"] = wire["text"]
            seen["data"] = {key: value for key, value in wire["data"].items() if value is not None}
        case "slot":
            seen |= {"name": wire["name"], "value": wire["value"]}
        case "active_loop" | "followup" | "undo" | "action_execution_rejected":
            if "name" in wire:
                seen["name"] = wire["name"]
            if wire.get("policy") is not None:
                seen["policy"] = wire["policy"]
        case "reminder" | "cancel_reminder":
            seen |= {"intent": wire["intent"], "entities": wire["entities"]}
            seen["kill_on_user_message"] = wire.get("kill_on_user_msg")
            if wire["name"] and not _UUID.fullmatch(wire["name"]):
                seen["name"] = wire["name"]
        case "user_featurization":
            seen["use_text_for_featurization"] = wire["use_text_for_featurization"]
        case _:
            pass
    metadata = {key: value for key, value in wire["metadata"].items() if key not in _OWN_METADATA}
    if metadata:
        seen["metadata"] = metadata
    return seen


def carried_once(events: list[Json]) -> list[Json]:
    """Return the events with each slot set once after the start of a session: the last of its values.

    Rasa repeats all slot events of earlier sessions there, we do not (docs/differences-from-rasa.md). The value that
    counts must be the same, in the same order.
    """
    kept: list[Json] = []
    carried: list[Json] | None = None
    for event in events:
        if carried is not None and event["event"] == "slot":
            carried[:] = [other for other in carried if other["name"] != event["name"]] + [event]
            continue
        kept += carried or []
        carried = [] if event["event"] == "session_started" else None
        kept.append(event)
    return kept + (carried or [])


def state_of(tracker: Tracker) -> Json:
    """Return what recordings say of a tracker."""
    wire = tracker_to_wire(tracker, [])
    loop = wire["active_loop"]
    return {
        "slots": wire["slots"],
        "active_loop": loop.get("name"),
        "loop_rejected": loop.get("rejected"),
        "loop_interrupted": loop.get("is_interrupted"),
        "latest_action_name": wire["latest_action_name"],
        "intent": (wire["latest_message"]["intent"] or {}).get("name"),
        "paused": wire["paused"],
        "followup_action": wire["followup_action"],
    }


def first_difference(expected: Any, found: Any, path: str = "") -> str | None:
    """Say where two JSON values differ first; None when they are equal."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in [*expected, *(key for key in found if key not in expected)]:
            if key.startswith("_"):
                continue
            if key not in expected or key not in found:
                return f"{path}.{key}: expected {expected.get(key, '(absent)')!r}, found {found.get(key, '(absent)')!r}"
            if difference := first_difference(expected[key], found[key], f"{path}.{key}"):
                return difference
        return None
    if isinstance(expected, list) and isinstance(found, list):
        for index, (one, other) in enumerate(zip(expected, found, strict=False)):
            if difference := first_difference(one, other, f"{path}[{index}]"):
                return difference
        if len(expected) != len(found):
            longer = expected if len(expected) > len(found) else found
            return (
                f"{path}: {len(expected)} expected, {len(found)} found; then {longer[min(len(expected), len(found))]}"
            )
        return None
    same = expected == found and isinstance(expected, bool) == isinstance(found, bool)
    return None if same else f"{path}: expected {expected!r}, found {found!r}"

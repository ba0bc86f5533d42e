"""Converts a tracker to JSON in Rasa's format, for action servers and the HTTP API."""

from collections.abc import Sequence
from typing import Any

import msgspec

from manent.core.domain import Domain
from manent.core.events import Event, Json, event_to_wire
from manent.core.tracker import State, Tracker

NO_MESSAGE: Json = {"intent": {}, "entities": [], "text": None, "message_id": None, "metadata": {}}


def tracker_to_wire(
    tracker: Tracker,
    events: Sequence[bytes] | None,
    *,
    trailing: Sequence[Event] = (),
    idempotency_key: str | None = None,
) -> Json:
    """Return the tracker as a JSON object.

    Encode the result with msgspec, which copies the events without decoding them.

    Args:
        tracker: the tracker.
        events: the log's events as JSON, oldest first. None makes `events` null.
        trailing: events that are not in the log, such as slots that must be validated. The function appends them to the
            events and applies them to the state.
        idempotency_key: key to add to the latest message's metadata. An action detects repeated calls by this key.
    """
    state = tracker.state
    slots = tracker.slots()
    if trailing:
        state = _with(state, trailing)
        slots |= {name: tracker.domain.kept(name, value) for name, value in state.values.items() if name in slots}
    wire_events: list[Any] | None = None
    if events is not None:
        wire_events = [msgspec.Raw(event) for event in events]
        wire_events += [event_to_wire(event) for event in trailing]
    action = state.latest_action
    form = _active_form(state, tracker.domain)
    return {
        "sender_id": tracker.sender_id,
        "slots": slots,
        "latest_message": _latest_message(state, idempotency_key),
        "latest_event_time": tracker.latest_event_time,
        "followup_action": state.followup_action,
        "paused": state.paused,
        "events": wire_events,
        "latest_input_channel": tracker.latest_input_channel,
        "active_loop": _active_loop(state),
        **({"active_form": form} if form else {}),
        "latest_action": _latest_action(state),
        "latest_action_name": (action.name or action.action_text) if action is not None else None,
    }


def _with(state: State, trailing: Sequence[Event]) -> State:
    changed = state.copy()
    for event in trailing:
        changed.apply(event)
    return changed


def _latest_message(state: State, idempotency_key: str | None) -> Json:
    message = state.latest_message
    if message is None:
        shown: Json = dict(NO_MESSAGE)
    else:
        shown = dict(message.parse_data)
        shown.setdefault("intent", {})
        shown.setdefault("entities", [])
        shown["text"] = message.text
        shown["message_id"] = message.message_id
        shown["metadata"] = message.metadata
    if idempotency_key is not None:
        shown["metadata"] = {**shown["metadata"], "idempotency_key": idempotency_key}
    return shown


def _active_loop(state: State) -> Json:
    loop = state.active_loop
    if loop is None:
        return {}
    return {
        "name": loop.name,
        "is_interrupted": loop.is_interrupted,
        "rejected": loop.rejected,
        "trigger_message": loop.trigger_message,
    }


def _active_form(state: State, domain: Domain) -> Json:
    """Return the active form in SDK 1.x format if the form runs on the action server (`FormAction`)."""
    loop = state.active_loop
    if loop is None or loop.name not in domain.actions:
        return {}
    return {
        "name": loop.name,
        "validate": not loop.is_interrupted,
        "rejected": loop.rejected,
        "trigger_message": loop.trigger_message,
    }


def _latest_action(state: State) -> Json:
    action = state.latest_action
    if action is None:
        return {}
    if action.action_text is not None:
        return {"action_text": action.action_text}
    return {"action_name": action.name}

"""The management API's format for trackers and events."""

import contextlib
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request

from manent.core.errors import RequestError
from manent.core.events import Event as CoreEvent
from manent.core.events import event_from_wire
from manent.runtime.tracker_reader import Verbosity


class Event(msgspec.Struct, kw_only=True):
    """An event in Rasa's format. The other keys depend on the event's type."""

    event: str
    timestamp: float | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET


class Tracker(msgspec.Struct, kw_only=True):
    """The state of a conversation in Rasa's format."""

    sender_id: str
    slots: dict[str, Any]
    latest_message: dict[str, Any]
    events: list[Event] | None
    latest_event_time: float | UnsetType | None = UNSET
    followup_action: str | UnsetType | None = UNSET
    paused: bool | UnsetType = UNSET
    latest_input_channel: str | UnsetType | None = UNSET
    active_loop: dict[str, Any] | UnsetType = UNSET
    latest_action: dict[str, Any] | UnsetType | None = UNSET
    latest_action_name: str | UnsetType | None = UNSET


IncludeEvents = Annotated[str, Meta(extra_json_schema={"enum": [verbosity.name for verbosity in Verbosity]})]


class TrackerQuery(msgspec.Struct, kw_only=True):
    """The part of the log that a tracker contains."""

    include_events: IncludeEvents | UnsetType = UNSET


def events_of(wires: list[Any]) -> list[CoreEvent]:
    """Read events.

    Raises:
        RequestError: `invalid_event`: an element is not a valid event.
    """
    events: list[CoreEvent] = []
    for number, wire in enumerate(wires):
        if not isinstance(wire, dict):
            raise RequestError("invalid_event", f"event {number} is not an object")
        events.append(event_from_wire(wire))
    return events


def verbosity_of(request: Request) -> Verbosity:
    """Parse `include_events`, ignoring case.

    Raises:
        RequestError: `bad_request`: the value is unknown.
    """
    given = request.query_params.get("include_events")
    if given is None:
        return Verbosity.AFTER_RESTART
    with contextlib.suppress(KeyError):
        return Verbosity[given.upper()]
    names = ", ".join(verbosity.name for verbosity in Verbosity)
    raise RequestError("bad_request", f"include_events must be one of {names}")

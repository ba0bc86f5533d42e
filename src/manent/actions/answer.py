"""What a custom action answered: from JSON to `ActionResult`, and no further with anything else.

`remote.py` and `in_process.py` call it. It checks shapes, so that an answer which could not be applied to a
conversation is an error of the action, found before anything is recorded.
"""

import logging
from typing import Any

import msgspec

from manent.core import finite
from manent.core.errors import ActionError, RequestError
from manent.core.events import EVENT_KINDS, Json, event_from_wire
from manent.runtime.ports.actions import ActionResult

log = logging.getLogger("manent.actions")


class _Response(msgspec.Struct):
    """The keys of a response that the dialogue reads; any others are arguments of a template."""

    response: str | None = None
    text: str | int | float | None = None
    image: str | None = None
    buttons: list[Json] | None = None
    quick_replies: list[Json] | None = None
    elements: list[Any] | None = None


class _Answer(msgspec.Struct):
    events: list[Json] = []
    responses: list[Json] = []


_decoder = msgspec.json.Decoder(_Answer)


def decode_answer(action: str, body: bytes) -> ActionResult:
    """Read an action's answer: `{events: [event…], responses: [response…]}` (contract §9).

    Events of a kind that we don't know are logged and left out, as Rasa does: actions written for other versions go on
    working.

    Raises:
        ActionError: `action_garbage`; it is not JSON, not of that shape, or an event lacks what its kind needs.
    """
    try:
        answer = _decode(body)
        events = tuple(event for event in answer.events if _is_event(action, event))
        responses = tuple(_checked(response) for response in answer.responses)
    except (msgspec.MsgspecError, RequestError, UnicodeDecodeError) as error:
        raise ActionError("action_garbage", f"{action} returned an invalid answer: {error}") from error
    return ActionResult(events=events, responses=responses)


def _decode(body: bytes) -> _Answer:
    """Read an answer; a server in Python may send numbers that JSON does not have."""
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError as error:
        try:
            wire = finite.loads(body)
        except (ValueError, RecursionError):
            raise error from None
        return msgspec.convert(wire, _Answer)


def _is_event(action: str, event: Json) -> bool:
    kind = event.get("event")
    if isinstance(kind, str) and kind not in EVENT_KINDS:
        log.warning("%s returned an event of an unknown kind: %s", action, kind)
        return False
    event_from_wire(event)
    return True


def _checked(response: Json) -> Json:
    """Return the response with its text as text: actions say numbers, too."""
    checked = msgspec.convert(response, _Response)
    if isinstance(checked.text, int | float):
        return response | {"text": str(response["text"])}
    return response

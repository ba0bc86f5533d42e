"""Decodes and checks the JSON answer of a custom action.

`remote.py` and `in_process.py` call it. An invalid answer is an error in the action. It is raised before any event is
stored.
"""

import logging
from typing import Any

import msgspec

from manent.core import finite
from manent.core.errors import ActionError, RequestError
from manent.core.events import EVENT_KINDS, Json, event_from_wire
from manent.dialogue.steps import ActionResult

log = logging.getLogger("manent.actions")


class _Response(msgspec.Struct):
    """The keys in a response that the dialogue reads. All other keys are arguments of the response template."""

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
    """Decode an action's answer: `{events: [event…], responses: [response…]}` (contract §9).

    Like Rasa, log and ignore events of unknown kinds, so that actions written for other versions continue to work.

    Raises:
        ActionError: `action_garbage`: the answer is not JSON, has the wrong structure, or contains an event without a
            required key.
    """
    try:
        answer = _decode(body)
        events = tuple(event for event in answer.events if _is_event(action, event))
        responses = tuple(_checked(response) for response in answer.responses)
    except (msgspec.MsgspecError, RequestError, UnicodeDecodeError) as error:
        raise ActionError("action_garbage", f"{action} returned an invalid answer: {error}") from error
    return ActionResult(events=events, responses=responses)


def _decode(body: bytes) -> _Answer:
    """Decode an answer. Accept NaN and Infinity, which are not JSON but which Python servers can send."""
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
        log.warning("ignored an event of an unknown kind returned by %s: %s", action, kind)
        return False
    event_from_wire(event)
    return True


def _checked(response: Json) -> Json:
    """Check a response. Convert a response's text to a string, because some actions send numbers."""
    checked = msgspec.convert(response, _Response)
    if isinstance(checked.text, int | float):
        return response | {"text": str(response["text"])}
    return response

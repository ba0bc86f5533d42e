"""Events from outside and back: what is accepted, what is refused, how it is written."""

import pytest

from manent.core.errors import RequestError
from manent.core.events import (
    ActiveLoop,
    BotUttered,
    Event,
    Json,
    LoopInterrupted,
    ReminderCancelled,
    ReminderScheduled,
    SlotSet,
    UserUttered,
    event_from_wire,
    event_to_wire,
)


@pytest.mark.parametrize(
    ("wire", "event"),
    [
        ({"event": "slot", "name": "a", "value": None}, SlotSet(name="a", value=None)),
        ({"event": "active_loop", "name": None}, ActiveLoop(name=None)),
        ({"event": "form", "name": "f"}, ActiveLoop(name="f")),
        ({"event": "form_validation", "validate": False}, LoopInterrupted(is_loop_interrupted=True)),
        ({"event": "user", "text": "hi"}, UserUttered(text="hi")),
        ({"event": "user", "text": "hi", "parse_data": None, "metadata": None}, UserUttered(text="hi")),
        ({"event": "bot", "text": "hi", "data": None}, BotUttered(text="hi")),
        ({"event": "slot", "name": "a", "value": 1, "timestamp": None}, SlotSet(name="a", value=1)),
        ({"event": "slot", "name": "a", "value": 1, "further": "key"}, SlotSet(name="a", value=1)),
        ({"event": "cancel_reminder", "name": None}, ReminderCancelled()),
    ],
)
def test_accepted(wire: Json, event: Event) -> None:
    """What Rasa accepts is read, legacy names and absent keys included."""
    assert event_from_wire(wire) == event


@pytest.mark.parametrize(
    "wire",
    [
        {},
        {"event": "no_such_event"},
        {"event": "slot", "value": 1},
        {"event": "slot", "name": 5, "value": 1},
        {"foo": 1},
    ],
)
def test_refused(wire: Json) -> None:
    """What is no event is a wrong request that says what was found."""
    with pytest.raises(RequestError, match="not a valid event"):
        event_from_wire(wire)


def test_cancelling_keeps_its_fields() -> None:
    """A cancelled reminder is written with what it cancels."""
    wire = event_to_wire(ReminderCancelled(name="n", intent="i", entities=[1]))

    assert (wire["name"], wire["intent"], wire["entities"]) == ("n", "i", [1])


def test_wire_names() -> None:
    """Keys are Rasa's."""
    wire = event_to_wire(ReminderScheduled(intent="i", date_time="2030-01-01T00:00:00"))

    assert set(wire) == {"event", "timestamp", "metadata", "intent", "date_time", "entities", "name",
                         "kill_on_user_msg"}  # fmt: skip

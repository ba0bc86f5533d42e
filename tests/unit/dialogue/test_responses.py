"""Responses: templates, the choice of a variation, and the resulting event."""

import random
from typing import Any

import pytest

from manent.core.domain import Domain, Variation
from manent.core.events import Json
from manent.dialogue.responses import Responses, Template, bot_event, compile_text

SLOTS: Json = {"name": "Ann", "none": None, "list": [1, 2], "trick": "{name}"}


def fill(text: str) -> str:
    """Compile a template and insert the values."""
    compiled = compile_text(text)
    return compiled.fill(SLOTS.__getitem__) if isinstance(compiled, Template) else compiled


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{name}", "Ann"),
        ("Dear {name}, dear {name}", "Dear Ann, dear Ann"),
        ("{none}", "None"),
        ("{list}", "[1, 2]"),
        ("{trick}", "{name}"),
        ("{{name}}", "{name}"),
        ('{name} {{"a": 1}}', 'Ann {"a": 1}'),
        ("{name} and {unknown}", "{name} and {unknown}"),
        ("a } b { c", "a } b { c"),
        ("{}", "{}"),
        ("{", "{"),
        ("{name.first}", "{name.first}"),
        ('/set{{"a": "{name}"}}', '/set{"a": "Ann"}'),
    ],
)
def test_template(template: str, text: str) -> None:
    """Values replace names, doubled braces become single ones, and an unknown name leaves the text unchanged."""
    assert fill(template) == text


def responses(*variations: Variation) -> Responses:
    """Return the responses of a domain that has only `utter_x`."""
    return Responses(Domain(responses={"utter_x": variations}))


def text_of(known: Responses, slots: Json, channel: str) -> str | None:
    """Return the text of `utter_x`."""
    message = known.message("utter_x", slots=slots, arguments={}, channel=channel, rng=random.Random(0))  # noqa: S311
    return message["text"] if message is not None else None


HIGH: Json = {"type": "slot", "name": "level", "value": "high"}


@pytest.mark.parametrize(
    ("level", "channel", "text"),
    [
        ("high", "socketio", "high on socketio"),
        ("high", "collector", "high"),
        ("low", "socketio", "on socketio"),
        ("low", "collector", "any"),
        ("HIGH", "collector", "high"),
        (None, "collector", "any"),
    ],
)
def test_choice(level: Any, channel: str, text: str) -> None:
    """A variation with a condition comes before others, and one for the channel before one for all channels."""
    known = responses(
        Variation(text="any"),
        Variation(text="on socketio", channel="socketio"),
        Variation(text="high", conditions=(HIGH,)),
        Variation(text="high on socketio", conditions=(HIGH,), channel="socketio"),
    )

    assert text_of(known, {"level": level}, channel) == text


def test_no_suitable_variation_says_nothing() -> None:
    """A response without a suitable variation produces no message."""
    assert text_of(responses(Variation(text="only", conditions=(HIGH,))), {"level": None}, "collector") is None


def test_condition_compares_without_conversion() -> None:
    """The text "true" does not equal true, but 1 does, as in Python and in Rasa."""
    known = responses(Variation(text="flag", conditions=({"type": "slot", "name": "f", "value": True},)))

    assert text_of(known, {"f": True}, "collector") == "flag"
    assert text_of(known, {"f": "true"}, "collector") is None
    assert text_of(known, {"f": 2}, "collector") is None
    assert text_of(known, {"f": 1}, "collector") == "flag"


def test_condition_without_type_is_a_slot() -> None:
    """A condition without `type` compares a slot."""
    known = responses(Variation(text="flag", conditions=({"name": "f", "value": "x"},)))

    assert text_of(known, {"f": "x"}, "collector") == "flag"


def test_equal_variations_are_drawn_by_lot() -> None:
    """Each of several suitable variations is chosen at random."""
    known = responses(Variation(text="a"), Variation(text="b"))
    rng = random.Random(0)  # noqa: S311
    said = {(known.message("utter_x", slots={}, arguments={}, channel="c", rng=rng) or {})["text"] for _ in range(50)}

    assert said == {"a", "b"}


def test_unknown_name_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """If a name is neither a slot nor an argument, the text is sent unchanged, and the log has a warning."""
    assert fill("Your {itme}") == "Your {itme}"
    assert "{itme} is neither a slot nor an argument" in caplog.text


def test_templates_inside_structures() -> None:
    """Values are inserted at every depth of buttons and custom payloads, and not in elements."""
    known = responses(
        Variation(
            text="t",
            buttons=({"title": "{name}", "payload": '/x{{"n": "{name}"}}'},),
            custom={"rows": ["{name}", 3], "deep": {"n": "{name}"}},
            elements=({"title": "{name}"},),
        )
    )
    message = known.message("utter_x", slots=SLOTS, arguments={"name": "Bob"}, channel="c", rng=random.Random(0))  # noqa: S311

    assert message is not None
    assert message["buttons"] == [{"title": "Bob", "payload": '/x{"n": "Bob"}'}]
    assert message["custom"] == {"rows": ["Bob", 3], "deep": {"n": "Bob"}}
    assert message["elements"] == [{"title": "{name}"}]


def test_bot_event_keeps_extras_as_metadata() -> None:
    """Keys that a bot event does not have are stored as metadata. An image is also an attachment."""
    event = bot_event({"text": "t", "image": "i.png", "tone": "warm"}, utter_action="utter_x")

    assert event.metadata == {"tone": "warm", "utter_action": "utter_x"}
    assert event.data["attachment"] == "i.png"
    assert event.data["buttons"] is None

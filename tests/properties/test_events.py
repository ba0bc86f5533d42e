"""Events survive the wire, whatever is in them."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manent.core.errors import RequestError
from manent.core.events import (
    INTERNAL_EVENTS,
    INTERNAL_KINDS,
    AgentUttered,
    Event,
    Json,
    Operator,
    decode_event,
    encode_event,
    event_from_wire,
    event_to_wire,
    outside,
    outside_events,
    outside_json,
)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=5), values, max_size=3)
kinds = {struct.__struct_config__.tag: struct for struct in Event.__args__}
operators = st.builds(
    Operator, id=st.text(max_size=5), name=st.text(max_size=5), avatar=st.none() | st.text(max_size=5)
)


def _filled(kind: str) -> st.SearchStrategy[Json]:
    """Return events of a kind in wire form, with all their keys."""
    text = st.text(max_size=8)
    optional_text = st.none() | text
    strategies: dict[str, st.SearchStrategy[object]] = {
        "timestamp": st.none() | st.floats(0, 4e9), "metadata": objects, "text": optional_text, "name": text,
        "parse_data": objects, "data": objects, "input_channel": optional_text, "message_id": optional_text,
        "policy": optional_text, "confidence": st.none() | st.floats(0, 1), "action_text": optional_text,
        "hide_rule_turn": st.booleans(), "value": values, "is_interrupted": st.booleans(),
        "use_text_for_featurization": st.booleans(), "entities": st.lists(objects, max_size=2), "intent": text,
        "date_time": text, "kill_on_user_msg": st.booleans(), "path": optional_text,
    }  # fmt: skip
    if kind == "agent":  # other programs cannot set the keys that only the desk uses
        fields = ["timestamp", "metadata", "text", "data"]
        return st.fixed_dictionaries({"event": st.just(kind), **{name: strategies[name] for name in fields}})
    fields = [field.encode_name for field in msgspec.structs.fields(kinds[kind])]
    return st.fixed_dictionaries({"event": st.just(kind), **{name: strategies[name] for name in fields}})


def _built(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Return events of a kind, as this server creates them."""
    fields: dict[str, st.SearchStrategy[object]] = {"metadata": objects}
    match kind.__name__:
        case "OperatorJoined" | "Note":
            fields["operator"] = operators
        case "SlotSet":
            fields["value"] = values
        case "EntitiesAdded":
            fields["entities"] = st.lists(objects, max_size=2)
        case "OperatorLeft" | "Labelled":
            fields["operator"] = st.none() | operators
        case "AgentUttered":
            fields |= {"operator": st.just(msgspec.UNSET) | operators, "message_id": st.just(msgspec.UNSET) | st.text()}
    return st.builds(kind, **fields)


wires = st.sampled_from(sorted(kinds.keys() - INTERNAL_KINDS)).flatmap(_filled)
stored = st.sampled_from(Event.__args__).flatmap(_built)


@given(wire=wires)
def test_round_trip_through_json(wire: Json) -> None:
    """An event read from the wire, stored and read again is the same event with the same keys."""
    event = event_from_wire(wire)

    assert decode_event(encode_event(event)) == event
    assert event_from_wire(event_to_wire(event)) == event
    assert set(event_to_wire(event)) >= set(wire) - {"event"}


@given(event=stored)
def test_stored_events_come_back(event: Event) -> None:
    """Every event that this server creates is read from the store as it was written."""
    assert decode_event(encode_event(event)) == event


@given(event=stored)
def test_readers_outside_get_what_rasa_knows(event: Event) -> None:
    """Outside the desk nobody sees its events or who an operator is. All other events are unchanged."""
    shown = outside(event)
    assert [encode_event(one) for one in outside_events([event])] == outside_json([encode_event(event)])
    if isinstance(event, INTERNAL_EVENTS):
        assert shown is None
    elif isinstance(event, AgentUttered):
        assert shown is not None
        assert set(event_to_wire(shown)) == {"event", "timestamp", "metadata", "text", "data"}
    else:
        assert shown is event


@given(event=stored)
def test_other_programs_cannot_add_events_of_the_desk(event: Event) -> None:
    """An event of the desk is refused from outside, and an agent's message from outside names no operator."""
    wire = event_to_wire(event)
    if isinstance(event, INTERNAL_EVENTS):
        with pytest.raises(RequestError, match="event of the desk"):
            event_from_wire(wire)
    elif isinstance(event, AgentUttered):
        assert event_from_wire(wire) == outside(event)


@given(wire=st.dictionaries(st.sampled_from(["event", "name", "value", "text", "data", "metadata"]), values))
def test_anything_else_is_refused_politely(wire: Json) -> None:
    """Whatever a client sends is an event, or a wrong request; nothing else happens."""
    with contextlib.suppress(RequestError):
        assert event_to_wire(event_from_wire(wire))["event"]

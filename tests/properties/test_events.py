"""Events survive the wire, whatever is in them."""

import contextlib

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from manent.core.errors import RequestError
from manent.core.events import Event, Json, decode_event, encode_event, event_from_wire, event_to_wire

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
    fields = [field.encode_name for field in msgspec.structs.fields(kinds[kind])]
    return st.fixed_dictionaries({"event": st.just(kind), **{name: strategies[name] for name in fields}})


wires = st.sampled_from(sorted(kinds)).flatmap(_filled)


@given(wire=wires)
def test_round_trip_through_json(wire: Json) -> None:
    """An event read from the wire, stored and read again is the same event with the same keys."""
    event = event_from_wire(wire)

    assert decode_event(encode_event(event)) == event
    assert event_from_wire(event_to_wire(event)) == event
    assert set(event_to_wire(event)) >= set(wire) - {"event"}


@given(wire=st.dictionaries(st.sampled_from(["event", "name", "value", "text", "data", "metadata"]), values))
def test_anything_else_is_refused_politely(wire: Json) -> None:
    """Whatever a client sends is an event, or a wrong request; nothing else happens."""
    with contextlib.suppress(RequestError):
        assert event_to_wire(event_from_wire(wire))["event"]

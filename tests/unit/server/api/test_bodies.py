"""How JSON bodies are read: bounded in depth, of the declared shape, tolerant of unknown keys."""

import msgspec
import pytest

from manent.core.errors import RequestError
from manent.core.events import Json
from manent.runtime.json_input import read_body, read_json
from manent.server.api.openapi import _schema


class Order(msgspec.Struct):
    """A request."""

    dish: str
    count: int = 1


def test_a_body_of_the_declared_shape_is_read() -> None:
    """Missing keys have their defaults, unknown keys are ignored."""
    assert read_body(b'{"dish": "soup", "table": 4}', Order) == Order("soup", 1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"[]", "unexpected body: expected `object`, got `array`"),
        (b"{}", "unexpected body: object missing required field `dish`"),
        (b'{"dish": 1}', r"unexpected body: expected `str`, got `int` - at `\$.dish`"),
        (b'{"dish": "soup", "count": "2"}', r"expected `int`, got `str` - at `\$.count`"),
        (b"[" * 101 + b"]" * 101, "the body is nested too deeply"),
    ],
)
def test_another_body_is_refused_with_what_was_expected_and_where(body: bytes, message: str) -> None:
    """The error names the key and both types."""
    with pytest.raises(RequestError, match=message) as refused:
        read_body(body, Order)

    assert (refused.value.code, refused.value.status) == ("bad_request", 400)


def test_json_of_any_shape_is_read() -> None:
    """Lists of events are checked by what reads events."""
    assert read_json(b'[{"event": "restart"}]') == [{"event": "restart"}]


def test_two_shapes_of_one_name_are_not_mixed_up_in_the_document() -> None:
    """A name in the document means one shape."""
    other = msgspec.defstruct("Order", [("number", int)])
    components: Json = {}
    _schema(Order, components)

    with pytest.raises(ValueError, match="two different Structs in the API have the name Order"):
        _schema(other, components)

"""Messages of visitors are built from what clients send."""

from typing import Any

import pytest

from manent.core.errors import RequestError
from manent.runtime.limits import Limits
from manent.runtime.user_messages import checked_text, user_message


def test_text_is_stripped_and_storable() -> None:
    """White space around a text is removed, lone surrogates are replaced, and a text that is too long is rejected."""
    assert checked_text("  a \ud800 ", 10) == "a ?"
    with pytest.raises(RequestError) as refused:
        checked_text("x" * 11, 10)
    assert (refused.value.code, refused.value.status) == ("too_long", 413)


def test_values_of_the_client_are_kept() -> None:
    """A message has the text, title, id and metadata that the client sent."""
    built = user_message(
        "ada",
        " /greet ",
        limits=Limits(),
        input_channel="rest",
        output_channel="collector",
        message_id="m1",
        title=" Hello ",
        metadata={"page": 1},
    )

    assert (built.text, built.title, built.message_id, built.metadata) == ("/greet", "Hello", "m1", {"page": 1})
    assert (built.sender_id, built.input_channel, built.output_channel) == ("ada", "rest", "collector")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"text": "x" * 11}, "too_long"),
        ({"title": "x" * 11}, "too_long"),
        ({"message_id": ""}, "bad_request"),
        ({"message_id": 1}, "bad_request"),
        ({"message_id": "m" * 129}, "bad_request"),
        ({"message_id": "a\0b"}, "bad_request"),
        ({"metadata": "{}"}, "bad_request"),
    ],
)
def test_invalid_values_are_rejected_with_a_code(values: dict[str, Any], code: str) -> None:
    """A value of the wrong type or length raises an error that names the reason."""
    request: dict[str, Any] = {"text": "hello", **values}
    with pytest.raises(RequestError) as rejected:
        user_message("ada", limits=Limits(text=10), input_channel="rest", output_channel="collector", **request)

    assert rejected.value.code == code


def test_too_long_a_text_names_length_and_limit() -> None:
    """The error for a text that is too long contains its length and the limit."""
    with pytest.raises(RequestError, match=r"message too long: 70,000 characters \(limit 64,000\)"):
        checked_text("x" * 70_000, 64_000)

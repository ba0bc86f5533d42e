"""Numbers that JSON does not have become texts."""

import math

import pytest

from manent.core.finite import finite, loads


def test_plain_data_keeps_everything_else() -> None:
    """Only NaN and the infinities change, at any depth."""
    value = {"a": [math.nan, 1.5, True, None, {"b": -math.inf}], "c": (math.inf, "NaN", 0)}

    assert finite(value) == {"a": ["NaN", 1.5, True, None, {"b": "-Infinity"}], "c": ["Infinity", "NaN", 0]}


@pytest.mark.parametrize(
    ("source", "value"),
    [("NaN", "NaN"), ("[-Infinity, 1e999, -1e999]", ["-Infinity", "Infinity", "-Infinity"]), ("1.5e3", 1500.0)],
)
def test_json_of_python_is_read(source: str, value: object) -> None:
    """What Python writes is read, in the same way wherever it comes from."""
    assert loads(source) == value

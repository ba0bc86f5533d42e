"""Values that the log cannot contain are replaced: NaN, the infinities and lone surrogates."""

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


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('{"a": "\\ud83d"}', {"a": "?"}),
        ('{"\\udc00": ["x\\uDBFFy", {"b": "\\ud83d"}]}', {"?": ["x?y", {"b": "?"}]}),
        ('"\\ud83d\\ude00 \\u00e9"', "\U0001f600 \u00e9"),
        ('"\ud83d"', "?"),
    ],
)
def test_half_a_character_is_replaced(source: str, value: object) -> None:
    """A lone surrogate, escaped or not, becomes a question mark wherever it is; whole characters stay."""
    assert loads(source) == finite(loads(source)) == value
    assert finite({"\ud83d": ["\ud83d", "\u00e9"]}) == {"?": ["?", "\u00e9"]}

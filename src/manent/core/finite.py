"""Replaces values that Python's `json` module accepts but the stored log cannot contain.

NaN and the infinities become `"NaN"`, `"Infinity"` or `"-Infinity"`. A lone surrogate becomes `?`. A lone surrogate is
one half of a character such as an emoji, left behind when a program truncates a text. This module replaces them in data
from outside, before a turn uses a value. So the turn, the log, and a restarted server use the same value.
"""

import json
import math
from typing import Any


def loads(source: str | bytes) -> Any:
    """Decode JSON that Python wrote, and replace values that the log cannot contain.

    Raises:
        ValueError: the text is not JSON.
        RecursionError: the JSON is nested too deeply.
    """
    value = json.loads(source, parse_constant=str, parse_float=_number)
    has_escapes = ("\\u" if isinstance(source, str) else b"\\u") in source  # type: ignore[operator]
    return finite(value) if has_escapes or (isinstance(source, str) and not is_storable(source)) else value


def finite(value: Any) -> Any:
    """Return the plain data (mappings, lists, scalars) with all values replaced that the log cannot contain."""
    if isinstance(value, float):
        return value if math.isfinite(value) else _name(value)
    if isinstance(value, str):
        return value if is_storable(value) else storable(value)
    if isinstance(value, dict):
        return {finite(key) if isinstance(key, str) else key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def is_storable(text: str) -> bool:
    """Return whether a text contains no lone surrogates."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable(text: str) -> str:
    """Return the text with `?` in place of each lone surrogate."""
    return text.encode("utf-8", "replace").decode()


def _number(digits: str) -> float | str:
    """Read a number. Python decodes `1e999` as infinity, so this number also becomes a string."""
    number = float(digits)
    return number if math.isfinite(number) else _name(number)


def _name(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"

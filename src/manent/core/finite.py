"""Replaces values that Python's `json` module reads and writes, but that the stored log cannot contain.

NaN and the infinities become `"NaN"`, `"Infinity"` or `"-Infinity"`. A lone surrogate becomes `?`: it is one half of a
character such as an emoji, and programs that cut texts may leave it. This module replaces them in data from outside,
before a turn uses a value. Therefore a value is the same in the turn, in the log, and after a restart.
"""

import json
import math
from typing import Any


def loads(source: str | bytes) -> Any:
    """Read JSON that Python wrote. Replace what the log cannot contain.

    Raises:
        ValueError: the text is not JSON.
        RecursionError: the JSON is nested too deeply.
    """
    value = json.loads(source, parse_constant=str, parse_float=_number)
    has_escapes = ("\\u" if isinstance(source, str) else b"\\u") in source  # type: ignore[operator]
    return finite(value) if has_escapes or (isinstance(source, str) and not is_storable(source)) else value


def finite(value: Any) -> Any:
    """Return plain data (mappings, lists, scalars), with what the log cannot contain replaced."""
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
    """Return whether a text has no lone surrogates."""
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
    """Read a number. Python reads `1e999` as infinity, so it becomes a string, too."""
    number = float(digits)
    return number if math.isfinite(number) else _name(number)


def _name(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"

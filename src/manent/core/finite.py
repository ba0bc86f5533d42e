"""Replaces NaN and the infinities, which JSON does not have, by strings.

Python's `json` module reads and writes these numbers, but the stored log cannot contain them. So this module replaces
them in data from outside by `"NaN"`, `"Infinity"` or `"-Infinity"`. It does so before a turn uses a value. Therefore a
value is the same in the turn, in the log, and after a restart.
"""

import json
import math
from typing import Any


def loads(source: str | bytes) -> Any:
    """Read JSON that Python wrote. Replace NaN and the infinities by strings.

    Raises:
        ValueError: the text is not JSON.
        RecursionError: the JSON is nested too deeply.
    """
    return json.loads(source, parse_constant=str, parse_float=_number)


def finite(value: Any) -> Any:
    """Return plain data (mappings, lists, scalars) with a string in place of each NaN and infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else _name(value)
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def _number(digits: str) -> float | str:
    """Read a number. Python reads `1e999` as infinity, so it becomes a string, too."""
    number = float(digits)
    return number if math.isfinite(number) else _name(number)


def _name(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"

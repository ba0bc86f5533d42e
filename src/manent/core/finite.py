"""Numbers that JSON does not have: NaN and the infinities.

Python's `json` reads and writes them, but JSON and the stored log cannot contain them. So this module replaces such a
number from outside by a text: `"NaN"`, `"Infinity"` or `"-Infinity"`. This happens before a turn uses the value, so the
value is the same in the turn, in the log, and after a restart.
"""

import json
import math
from typing import Any


def loads(source: str | bytes) -> Any:
    """Read JSON that Python wrote. Replace numbers that JSON does not have by texts.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(source, parse_constant=str, parse_float=_number)


def finite(value: Any) -> Any:
    """Return plain data (mappings, lists, scalars) with a text in place of each number that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else _name(value)
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def _number(digits: str) -> float | str:
    """Read a number; `1e999` is larger than any float."""
    number = float(digits)
    return number if math.isfinite(number) else _name(number)


def _name(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"

"""Reads and writes plain scalars by the rules of YAML 1.2. Called by `documents`. It does no I/O."""

import re
from typing import Any

_WORDS: dict[str, Any] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NUMBER_START = frozenset("0123456789+-.")
_INT = re.compile(r"[-+]?[0-9]+")
_RADIX = re.compile(r"0o([0-7]+)|0x([0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")


def read_scalar(text: str) -> Any:
    """Read a plain scalar by the core schema of YAML 1.2 as null, bool, int, float or string.

    Integers beyond 64 bits become floats, because JSON libraries reject them.

    Source: YAML 1.2.2, §10.3.2.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    if _INT.fullmatch(text):
        return int(text) if len(text) < 19 else float(text)  # noqa: PLR2004  # 18 digits and a sign fit in 64 bits
    if match := _RADIX.fullmatch(text):
        number = int(match[1], 8) if match[1] else int(match[2], 16)
        return number if number < 1 << 63 else float(min(number, 1 << 1000))
    if _FLOAT.fullmatch(text):
        return float(text)
    if match := _INFINITE.fullmatch(text):
        return float(f"{match[1]}inf")
    return float("nan") if text in (".nan", ".NaN", ".NAN") else text


def scalar_text(value: Any) -> str:
    """Return a scalar in YAML notation (`true`, `null`, `1.5`)."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

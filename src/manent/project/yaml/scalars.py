"""Reads and writes plain scalars as Rasa does. Called by `documents`. It does no I/O."""

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
_RADIX = re.compile(r"([-+]?)0(?:b([01]+)|o([0-7]+)|x([0-9a-fA-F]+))")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")


def read_scalar(text: str) -> Any:
    """Read a plain scalar by the core schema of YAML 1.2 as null, bool, int, float or string.

    As Rasa does, it also reads binary numbers (`0b101`), signs before `0b`, `0o` and `0x`, and underscores between
    digits (`1_000`). Integers beyond 64 bits become floats, because JSON libraries reject them.

    Source: YAML 1.2.2, §10.3.2.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    return _read_number(text.replace("_", ""), text)


def _read_number(text: str, original: str) -> Any:
    """Return the number, or the original text if it is not a number."""
    if _INT.fullmatch(text):
        return int(text) if len(text) < 19 else float(text)  # noqa: PLR2004  # 18 digits and a sign fit in 64 bits
    if match := _RADIX.fullmatch(text):
        sign, digits = match[1], match[2] or match[3] or match[4]
        number = min(int(digits, 2 if match[2] else 8 if match[3] else 16), 1 << 1000)
        number = -number if sign == "-" else number
        return number if abs(number) < 1 << 63 else float(number)
    if _FLOAT.fullmatch(text):
        return float(text)
    if match := _INFINITE.fullmatch(text):
        return float(f"{match[1]}inf")
    return float("nan") if text in (".nan", ".NaN", ".NAN") else original


def scalar_text(value: Any) -> str:
    """Return a scalar in YAML notation (`true`, `null`, `1.5`)."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

"""Limits the nesting of JSON from clients: deeper than people write, and less deep than what breaks parsers."""

import re

MAX_DEPTH = 100

_STEPS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


def is_too_deep(text: bytes | str) -> bool:
    """Return whether JSON is nested deeper than `MAX_DEPTH`. For nearly every text, this costs two searches."""
    data = text.encode(errors="replace") if isinstance(text, str) else text
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for step in _STEPS.finditer(data):
        match step[0][:1]:
            case b"[" | b"{":
                depth += 1
                if depth > MAX_DEPTH:
                    return True
            case b"]" | b"}":
                depth -= 1
    return False

"""How deep JSON from outside may be nested: deeper than people write, shallower than what breaks readers later on."""

import re

MOST_LEVELS = 100

_STEPS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


def is_too_deep(text: bytes | str) -> bool:
    """Whether JSON is nested deeper than `MOST_LEVELS`. Costs two searches for nearly every text."""
    data = text.encode(errors="replace") if isinstance(text, str) else text
    if data.count(b"[") + data.count(b"{") <= MOST_LEVELS:
        return False
    depth = 0
    for step in _STEPS.finditer(data):
        match step[0][:1]:
            case b"[" | b"{":
                depth += 1
                if depth > MOST_LEVELS:
                    return True
            case b"]" | b"}":
                depth -= 1
    return False

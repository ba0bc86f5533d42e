"""Messages with their entities marked as training data has them: `I live in [Berlin](city)`.

The other direction, reading such text, is `project/annotations.py`.
"""

import json
from collections.abc import Sequence

from manent.core.events import Json

PAYLOAD_EXTRACTOR = "RegexMessageHandler"
"""Says of an entity that it stood in a payload (`/intent{…}`) and not in words."""


def annotated(text: str, entities: Sequence[Json]) -> str:
    """Return a message with its entities marked; payloads stay as they are."""
    parts: list[str] = []
    end = 0
    for entity in sorted((each for each in entities if _is_marked(each, text)), key=lambda each: int(each["start"])):
        if entity["start"] < end:
            continue  # one of two that overlap
        parts += [text[end : entity["start"]], mark(text[entity["start"] : entity["end"]], entity)]
        end = entity["end"]
    return "".join([*parts, text[end:]])


def _is_marked(entity: Json, text: str) -> bool:
    start, end = entity.get("start"), entity.get("end")
    return (
        entity.get("extractor") != PAYLOAD_EXTRACTOR
        and isinstance(start, int)
        and isinstance(end, int)
        and 0 <= start < end <= len(text)
    )


def mark(text: str, entity: Json) -> str:
    """Return the marked words of one entity: `[Berlin](city)`, or with an object where there is more to say."""
    kept = {key: entity[key] for key in ("entity", "role", "group", "value") if entity.get(key) is not None}
    if kept.get("value") == text:
        del kept["value"]
    if kept.keys() == {"entity"}:
        return f"[{text}]({kept['entity']})"
    return f"[{text}]" + json.dumps(kept, ensure_ascii=False, default=str)

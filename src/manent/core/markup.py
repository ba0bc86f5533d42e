"""Writes messages with their entities in the markup for training data: `I live in [Berlin](city)`.

`project/data/annotations.py` reads this markup.
"""

import json
from collections.abc import Iterable

from manent.core.events import Json

PAYLOAD_EXTRACTOR = "RegexMessageHandler"
"""Value of `extractor` in entities that come from a payload (`/intent{…}`)."""


def annotated(text: str, entities: Iterable[Json]) -> str:
    """Return a message with its entities marked. Entities from payloads are not marked."""
    spans: dict[tuple[int, int], list[Json]] = {}
    for entity in sorted((each for each in entities if _is_marked(each, text)), key=lambda each: int(each["start"])):
        spans.setdefault((entity["start"], entity["end"]), []).append(entity)
    parts: list[str] = []
    last = 0
    for (start, end), found in spans.items():
        if start < last:
            continue  # overlaps with the previous entity
        parts += [text[last:start], mark(text[start:end], *found)]
        last = end
    return "".join([*parts, text[last:]])


def _is_marked(entity: Json, text: str) -> bool:
    start, end = entity.get("start"), entity.get("end")
    return (
        entity.get("extractor") != PAYLOAD_EXTRACTOR
        and isinstance(start, int)
        and isinstance(end, int)
        and 0 <= start < end <= len(text)
    )


def mark(text: str, *entities: Json) -> str:
    """Return words marked as an entity, as `[Berlin](city)`. An entity with more keys is written as a JSON object."""
    labels = [_label(text, entity) for entity in entities]
    if len(labels) == 1 and labels[0].keys() == {"entity"}:
        return f"[{text}]({labels[0]['entity']})"
    shown = json.dumps(labels if len(labels) > 1 else labels[0], ensure_ascii=False, default=str)
    return f"[{text}]{shown}"


def _label(text: str, entity: Json) -> Json:
    kept = {key: entity[key] for key in ("entity", "role", "group", "value") if entity.get(key) is not None}
    if kept.get("value") == text:
        del kept["value"]
    return kept

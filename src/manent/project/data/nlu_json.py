"""Reads NLU data in Rasa's old JSON format (`rasa_nlu_data`). Called by `reading`."""

from collections.abc import Iterator
from typing import Any

from manent.core.training_data import EntityMention, Example
from manent.project.data.nlu import LookupFile, NluFiles, add_regex, add_synonym
from manent.project.problems import Report, Spot
from manent.project.yaml.documents import plain

_ROOT = "rasa_nlu_data"
_SHAPE = '`{"rasa_nlu_data": {"common_examples": [{"text": …, "intent": …}]}}`'


def is_json_nlu(text: str) -> bool:
    """Return whether a JSON file contains NLU data."""
    return f'"{_ROOT}"' in text


def add_json_nlu(data: NluFiles, document: Any, file: str, report: Report) -> None:
    """Add the data of a parsed JSON file."""
    root = Spot(document, file, 1, "", report).get(_ROOT)
    if root is None or not isinstance(root.value, dict):
        (root or Spot(document, file, 1, "", report)).error("nlu.json", _SHAPE)
        return
    for item in _items(root, "common_examples"):
        _add_example(data, item)
    for item in _items(root, "regex_features"):
        name, pattern = _text(item, "name"), _text(item, "pattern")
        if name is not None and pattern is not None:
            add_regex(data, name, pattern, item, item.line)
    for item in _items(root, "lookup_tables"):
        name, elements = _text(item, "name"), item.get("elements")
        if name is not None and elements is not None and isinstance(elements.value, str):
            data.lookup_files.append(LookupFile(name=name, path=elements.value, file=file, line=elements.line))
        elif name is not None and elements is not None:
            data.lookups.setdefault(name, []).extend(elements.names("a string"))
    for item in _items(root, "entity_synonyms"):
        value, synonyms = _text(item, "value"), item.get("synonyms")
        for synonym in synonyms.names("a string") if synonyms is not None and value is not None else ():
            add_synonym(data, synonym, str(value), item, item.line)


def _items(root: Spot, key: str) -> Iterator[Spot]:
    spot = root.get(key)
    for item in spot.items() if spot is not None else ():
        if isinstance(item.value, dict):
            yield item
        else:
            item.error("nlu.json", _SHAPE)


def _text(item: Spot, key: str) -> str | None:
    spot = item.get(key)
    if spot is None:
        item.error("nlu.json", f'"{key}"', found=f'an entry without "{key}"')
        return None
    return spot.name("a string")


def _add_example(data: NluFiles, item: Spot) -> None:
    text, intent = _text(item, "text"), _text(item, "intent")
    if text is None or intent is None:
        return
    data.intents.setdefault(intent, item.where)
    mentions = []
    entities = item.get("entities")
    for entity in entities.items() if entities is not None else ():
        mention = _mention(entity, text)
        if mention is not None:
            mentions.append(mention)
            surface = text[mention.start : mention.end]
            if isinstance(mention.value, str) and mention.value != surface:
                add_synonym(data, surface, mention.value, item, entity.line)
    metadata = plain(item.value.get("metadata"))
    data.examples.append(
        Example(
            text=text,
            intent=intent,
            entities=tuple(mentions),
            metadata=metadata if isinstance(metadata, dict) else None,
            where=item.where,
        )
    )


def _mention(spot: Spot, text: str) -> EntityMention | None:
    label = spot.value if isinstance(spot.value, dict) else {}
    start, end, entity = label.get("start"), label.get("end"), label.get("entity")
    if not (
        isinstance(start, int) and isinstance(end, int) and isinstance(entity, str) and 0 <= start < end <= len(text)
    ):
        spot.error("nlu.json", '"start", "end" inside the text, and "entity"')
        return None
    value = plain(label.get("value"))
    return EntityMention(
        start=start,
        end=end,
        entity=entity,
        value=text[start:end] if value is None else value,
        role=label.get("role"),
        group=label.get("group"),
    )

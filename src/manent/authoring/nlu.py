"""Writes NLU data as YAML or in Rasa's JSON format.

`project/data` reads both. The functions return strings and write no files.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from manent.authoring.stories import write_scalar
from manent.core.events import Json
from manent.core.markup import annotated
from manent.core.training_data import Example, NluData


def nlu_to_yaml(data: NluData) -> str:
    """Return NLU data as a file of format 3.1."""
    lines = ['version: "3.1"', "", "nlu:"]
    by_intent: dict[tuple[str, str], list[Example]] = {}
    for example in data.examples:
        shared = (example.metadata or {}).get("intent")
        by_intent.setdefault((example.intent, write_scalar(shared) if shared is not None else ""), []).append(example)
    for (intent, metadata), examples in by_intent.items():
        lines += [f"- intent: {write_scalar(intent)}", *([f"  metadata: {metadata}"] if metadata else [])]
        lines += [*_examples(examples), ""]
    spellings: dict[str, list[str]] = {}
    for spelling, value in data.synonyms.items():
        spellings.setdefault(value, []).append(spelling)
    patterns: dict[str, list[str]] = {}
    for name, pattern in data.regexes:
        patterns.setdefault(name, []).append(pattern)
    for kind, entries in (("synonym", spellings), ("regex", patterns), ("lookup", data.lookups)):
        for name, texts in entries.items():
            lines += [f"- {kind}: {write_scalar(name)}", *_block(texts), ""]
    if data.responses:
        shown = yaml.safe_dump(data.responses, sort_keys=False, allow_unicode=True, width=1_000_000)
        lines += ["responses:", *(f"  {line}" for line in shown.splitlines()), ""]
    return "\n".join(lines)


def _examples(examples: list[Example]) -> Iterator[str]:
    """Yield the lines under `intent:`.

    The examples are one text block, or a list if an example has metadata or line breaks.
    """
    own = [(example.metadata or {}).get("example") for example in examples]
    if all(metadata is None and "\n" not in example.text for example, metadata in zip(examples, own, strict=True)):
        yield from _block(_marked(example) for example in examples)
        return
    yield "  examples:"
    for example, metadata in zip(examples, own, strict=True):
        yield "  - text: |"
        yield from (f"      {line}" for line in _marked(example).split("\n"))
        if metadata is not None:
            yield f"    metadata: {write_scalar(metadata)}"


def _block(texts: Iterable[str]) -> list[str]:
    return ["  examples: |", *(f"    - {text}" for text in texts)]


def _marked(example: Example) -> str:
    return annotated(example.text, _entities(example))


def _entities(example: Example) -> list[Json]:
    found = []
    for mention in example.entities:
        labels = {"role": mention.role, "group": mention.group}
        found.append(
            {"start": mention.start, "end": mention.end, "value": mention.value, "entity": mention.entity}
            | {key: value for key, value in labels.items() if value is not None}
        )
    return found


def nlu_to_json(data: NluData) -> str:
    """Return NLU data in Rasa's JSON format. This format cannot contain responses."""
    examples: list[Json] = []
    for example in data.examples:
        shown: Json = {"text": example.text, "intent": example.intent}
        if example.entities:
            shown["entities"] = _entities(example)
        if example.metadata is not None:
            shown["metadata"] = example.metadata
        examples.append(shown)
    spellings: dict[str, list[str]] = {}
    for spelling, value in data.synonyms.items():
        spellings.setdefault(value, []).append(spelling)
    whole: dict[str, Any] = {
        "common_examples": examples,
        "regex_features": [{"name": name, "pattern": pattern} for name, pattern in data.regexes],
        "lookup_tables": [{"name": name, "elements": list(entries)} for name, entries in data.lookups.items()],
        "entity_synonyms": [{"value": value, "synonyms": texts} for value, texts in spellings.items()],
    }
    return json.dumps({"rasa_nlu_data": whole}, ensure_ascii=False, indent=2) + "\n"

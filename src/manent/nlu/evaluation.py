"""Evaluates a pipeline. Creates reports on intents, entities and responses, and splits data for evaluation.

The functions take parse results and do no I/O. `manent test nlu` reads the data, runs the pipeline, and writes the
returned reports to `results/`, in the format that Rasa uses. `plots.py` draws the pictures.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from manent.core.errors import RequestError
from manent.core.events import Json
from manent.core.training_data import Example, NluData
from manent.learn import scores
from manent.nlu.components.fallback import FALLBACK_INTENT

Parse = Callable[[str], Json]

NO_ENTITY = "O"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An example and the result of parsing its text."""

    example: Example
    result: Json

    @property
    def intent(self) -> str:
        """The right intent, without the response key of a retrieval intent."""
        return self.example.intent.split("/", 1)[0]

    @property
    def predicted(self) -> str:
        """The predicted intent, or "" if there is none."""
        return str(self.result["intent"].get("name") or "")

    @property
    def confidence(self) -> float:
        """The confidence of the predicted intent, in [0, 1]."""
        return float(self.result["intent"].get("confidence") or 0.0)


def judge(examples: Sequence[Example], parse: Parse) -> list[Judged]:
    """Parse every example. Omit entities without a position in the text, because examples have no such annotations."""
    return [Judged(example=example, result=_with_places(parse(example.text))) for example in examples]


def _with_places(result: Json) -> Json:
    found = [
        {"extractor": "unknown", **entity} for entity in result["entities"] if "start" in entity and "end" in entity
    ]
    return {**result, "entities": found}


def report_intents(judged: Sequence[Judged]) -> Json:
    """Score the intents with `learn.scores.report_labels`."""
    return scores.report_labels([(item.intent, item.predicted) for item in judged if item.intent])


def pair_responses(judged: Sequence[Judged]) -> list[tuple[str, str]]:
    """Return the pairs (right, selected) of responses to retrieval intents."""
    return [(item.example.intent, _selected(item.result, item.intent)) for item in judged if "/" in item.example.intent]


def report_responses(judged: Sequence[Judged]) -> Json:
    """Score the responses that were selected for retrieval intents.

    Return an empty report if no example has a retrieval intent.
    """
    pairs = pair_responses(judged)
    return scores.report_labels(pairs) if pairs else {}


def list_intents(judged: Sequence[Judged], *, right: bool) -> list[Json]:
    """Return the examples whose intent is right (if `right`) or wrong (if not).

    The format is the same as in `intent_errors.json`.
    """
    return [
        {
            "text": item.example.text,
            "intent": item.intent,
            "intent_prediction": {"name": item.predicted, "confidence": item.confidence},
        }
        for item in judged
        if item.intent and (item.intent == item.predicted) == right
    ]


def list_responses(judged: Sequence[Judged], *, right: bool) -> list[Json]:
    """Return the examples of retrieval intents whose response is right (if `right`) or wrong (if not)."""
    found = []
    for item in judged:
        selected = _selected(item.result, item.intent)
        if "/" in item.example.intent and (selected == item.example.intent) == right:
            found.append(
                {
                    "text": item.example.text,
                    "intent_response_key_target": item.example.intent,
                    "intent_response_key_prediction": {"name": selected, "confidence": item.confidence},
                }
            )
    return found


def find_extractors(judged: Sequence[Judged]) -> list[str]:
    """Return the extractors that found entities."""
    return sorted({str(entity.get("extractor")) for item in judged for entity in item.result["entities"]})


def pair_entities(judged: Sequence[Judged], extractor: str) -> list[tuple[str, str]]:
    """Return one extractor's pairs of labels (right, predicted) for every token. `O` stands for "no entity"."""
    pairs: list[tuple[str, str]] = []
    for item in judged:
        entities = [entity for entity in item.result["entities"] if entity.get("extractor") == extractor]
        for start, end in item.result.get("text_tokens") or ():
            right = next((_label(e) for e in item.example.entities if e.start < end and e.end > start), NO_ENTITY)
            predicted = next((_name(e) for e in entities if e["start"] < end and e["end"] > start), NO_ENTITY)
            pairs.append((right, predicted))
    return pairs


def report_entities(judged: Sequence[Judged], extractor: str) -> Json:
    """Score one extractor's entities token by token, for `<Extractor>_report.json`.

    Returns:
        The result of `learn.scores.report_labels`. `micro avg` is the average over the entities. `confused_with` counts
        tokens. `accuracy` includes tokens without an entity.
    """
    pairs = pair_entities(judged, extractor)
    report = scores.report_labels([pair for pair in pairs if pair != (NO_ENTITY, NO_ENTITY)])
    labels = [name for name in report if name not in (NO_ENTITY, "accuracy") and not name.endswith(" avg")]
    hits = sum(right == predicted and right != NO_ENTITY for right, predicted in pairs)
    predicted_count = sum(predicted != NO_ENTITY for _, predicted in pairs)
    actual_count = sum(right != NO_ENTITY for right, _ in pairs)
    scored = [report[name] for name in labels]
    return {
        **{name: report[name] for name in labels},
        "micro avg": scores.score(hits, predicted_count, actual_count),
        "macro avg": scores.average(scored, [1] * len(scored), actual_count),
        "weighted avg": scores.average(scored, [score["support"] for score in scored], actual_count),
        "accuracy": scores.accuracy(pairs),
    }


def score_spans(judged: Sequence[Judged]) -> Json:
    """Score all entities by exact span, type, role and group: `precision, recall, f1-score, support`."""
    hits = predicted_count = actual_count = 0
    for item in judged:
        right = {(e.start, e.end, e.entity, e.role, e.group) for e in item.example.entities}
        found = {(e["start"], e["end"], e["entity"], e.get("role"), e.get("group")) for e in item.result["entities"]}
        hits += len(right & found)
        predicted_count += len(found)
        actual_count += len(right)
    return scores.score(hits, predicted_count, actual_count)


def list_entities(judged: Sequence[Judged], extractor: str, *, right: bool) -> list[Json]:
    """Return the messages in which an extractor found exactly the annotated entities.

    If `right` is False, return all other messages.
    """
    listed = []
    for item in judged:
        predicted = [entity for entity in item.result["entities"] if entity.get("extractor") == extractor]
        targets = [
            {"start": e.start, "end": e.end, "entity": e.entity, "value": e.value}
            | ({"role": e.role} if e.role else {})
            | ({"group": e.group} if e.group else {})
            for e in item.example.entities
        ]
        same = {(e["start"], e["end"], e["entity"]) for e in predicted} == {
            (e["start"], e["end"], e["entity"]) for e in targets
        }
        if same == right and (predicted or targets):
            listed.append({"text": item.example.text, "entities": targets, "predicted_entities": predicted})
    return listed


def count_confusions(judged: Sequence[Judged]) -> tuple[list[str], list[list[int]]]:
    """Return the labels and the counts of the confusion matrix, which has a row per right intent."""
    return scores.count_confusions([(item.intent, item.predicted) for item in judged])


def split_confidences(judged: Sequence[Judged]) -> tuple[list[float], list[float]]:
    """Return the confidences of right intents and of wrong intents, for the histogram."""
    right = [item.confidence for item in judged if item.intent and item.intent == item.predicted]
    wrong = [item.confidence for item in judged if item.intent and item.predicted not in (item.intent, FALLBACK_INTENT)]
    return right, wrong


def report_all(judged: Sequence[Judged]) -> Json:
    """Return all reports in one object, in the format of Rasa's HTTP API.

    Returns:
        An object with `intent_evaluation`, `entity_evaluation` (by extractor) and `response_selection_evaluation`.
        `entity_evaluation` is null if the data contain no entities, and `response_selection_evaluation` if they contain
        no retrieval intents.
    """
    responses = report_responses(judged)
    entities = {
        extractor: {
            **_summary(report_entities(judged, extractor)),
            "errors": list_entities(judged, extractor, right=False),
        }
        for extractor in find_extractors(judged)
    }
    return {
        "intent_evaluation": {
            **_summary(report_intents(judged)),
            "predictions": [
                {
                    "text": item.example.text,
                    "intent": item.intent,
                    "predicted": item.predicted,
                    "confidence": item.confidence,
                }
                for item in judged
            ],
            "errors": list_intents(judged, right=False),
        },
        "entity_evaluation": entities or None,
        "response_selection_evaluation": {**_summary(responses), "errors": list_responses(judged, right=False)}
        if responses
        else None,
    }


def _summary(report: Json) -> Json:
    weighted = report["weighted avg"]
    return {
        "report": report,
        "precision": weighted["precision"],
        "f1_score": weighted["f1-score"],
        "accuracy": report["accuracy"],
    }


def split_data(data: NluData, *, fraction: float = 0.8, seed: int | None = None) -> tuple[NluData, NluData]:
    """Split every intent's examples by the same fraction. Both parts contain all synonyms, patterns and responses.

    Args:
        data: NLU data of the project.
        fraction: share of the examples in the first part, in (0, 1). If an intent has two or more examples, each part
            gets at least one of them. If an intent has only one example, it goes into the first part.
        seed: the same seed gives the same split.
    """
    draw = random.Random(seed)  # noqa: S311  # not used for secrets
    first: list[Example] = []
    second: list[Example] = []
    for examples in _by_intent(data.examples).values():
        draw.shuffle(examples)
        count = max(1, min(len(examples) - 1, round(len(examples) * fraction)))
        first += examples[:count]
        second += examples[count:]
    return replace(data, examples=tuple(first)), replace(data, examples=tuple(second))


def make_folds(data: NluData, folds: int, *, seed: int | None = None) -> list[tuple[NluData, NluData]]:
    """Return (training, test) pairs for cross-validation. Every intent's examples are spread over the folds.

    Args:
        data: NLU data of the project.
        folds: number of pairs, ≥ 2.
        seed: the same seed gives the same folds.

    Raises:
        RequestError: `too_few_examples`: a fold would be empty.
    """
    if len(data.examples) < folds:
        count = f"{len(data.examples)} example{'' if len(data.examples) == 1 else 's'}"
        raise RequestError("too_few_examples", f"too few examples for {folds} folds: {count}; each fold needs one")
    draw = random.Random(seed)  # noqa: S311  # not used for secrets
    parts: list[list[Example]] = [[] for _ in range(folds)]
    place = 0
    for examples in _by_intent(data.examples).values():
        draw.shuffle(examples)
        for example in examples:
            parts[place % folds].append(example)
            place += 1
    pairs = []
    for held in range(folds):
        kept = [example for index, part in enumerate(parts) if index != held for example in part]
        pairs.append((replace(data, examples=tuple(kept)), replace(data, examples=tuple(parts[held]))))
    return pairs


def summarise(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the standard deviation, for cross-validation."""
    mean = sum(values) / len(values) if values else 0.0
    return mean, (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5 if values else 0.0


def _by_intent(examples: Sequence[Example]) -> dict[str, list[Example]]:
    found: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        found[example.intent].append(example)
    return found


def _selected(result: Json, intent: str) -> str:
    selectors = result.get("response_selector") or {}
    selected = selectors.get(intent) or selectors.get("default") or {}
    return str((selected.get("response") or {}).get("intent_response_key") or "")


def _label(mention: Any) -> str:
    return _join(mention.entity, mention.role, mention.group)


def _name(entity: Json) -> str:
    return _join(entity["entity"], entity.get("role"), entity.get("group"))


def _join(entity: str, role: str | None, group: str | None) -> str:
    return entity + (f".{role}" if role else "") + (f".{group}" if group else "")

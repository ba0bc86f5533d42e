"""Finds a project's training examples that its own FallbackClassifier would reject.

`train` and `data validate` report them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from manent.core.domain import Domain
from manent.core.errors import Problem
from manent.core.training_data import AssistantConfig, ComponentConfig, Example, NluData
from manent.nlu.components.fallback import FALLBACK_INTENT
from manent.nlu.components.joint_classifier import DIET_NAME
from manent.nlu.pipeline import load_pipeline, read_index
from manent.nlu.registry import KINDS
from manent.nlu.training import train_pipeline
from manent.nlu.vectors import WordVectors

FALLBACK_NAME = "FallbackClassifier"
_WITHOUT_INTENTS = frozenset({
    "CRFEntityExtractor", "DucklingEntityExtractor", "DucklingHTTPExtractor", "EntitySynonymMapper",
    "MitieEntityExtractor", "RegexEntityExtractor", "ResponseSelector", "SpacyEntityExtractor",
})  # fmt: skip
"""Components that never change a message's intent."""

_NAMED = 3
"""Maximum number of examples in a warning."""


def find_refused_examples(
    files: Mapping[str, bytes], data: NluData, domain: Domain, *, vectors: Callable[[], WordVectors]
) -> list[Problem]:
    """Return a warning for each intent with examples that a trained model classifies as `nlu_fallback`.

    Args:
        files: files of the model, as `train_pipeline` returns them.
        data: training data of the model.
        domain: domain of the assistant.
        vectors: opens the word vectors.

    Raises:
        ModelError: the files are not a valid pipeline, or the word vectors differ from those of the training.
    """
    index = read_index(files)
    options = [entry.options for entry in index.components if entry.name == FALLBACK_NAME] if index else []
    if not options:
        return []
    pipeline = load_pipeline(files, domain, vectors=vectors)
    count: dict[str, int] = {}
    refused: dict[str, list[tuple[Example, float]]] = {}
    for example in data.examples:
        if not example.intent or not example.text.strip():
            continue
        count[example.intent] = count.get(example.intent, 0) + 1
        message = pipeline.classify(example.text)
        if message.intent is not None and message.intent["name"] == FALLBACK_INTENT != example.intent:
            ranking = message.intent_ranking or []
            best = float(ranking[1]["confidence"]) if len(ranking) > 1 else 0.0
            refused.setdefault(example.intent, []).append((example, best))
    threshold, ambiguity = (float(options[-1][name]) for name in ("threshold", "ambiguity_threshold"))
    return [_warn(intent, found, count[intent], threshold, ambiguity) for intent, found in refused.items()]


def _warn(intent: str, refused: list[tuple[Example, float]], count: int, threshold: float, ambiguity: float) -> Problem:
    named = [f'"{example.text}" ({confidence:.2f})' for example, confidence in refused[:_NAMED]]
    if len(refused) > _NAMED:
        named.append(f"{len(refused) - _NAMED} more")
    first = refused[0][0].where
    return Problem(
        file=first.file,
        line=first.line,
        path=f"nlu.{intent}",
        code="nlu.example-below-threshold",
        found=f"{len(refused)} of {count} examples that the trained model would classify as {FALLBACK_INTENT}: "
        f"{', '.join(named)}",
        expected=f"a confidence of at least {threshold:g}, which is {ambiguity:g} higher than that of the next intent "
        "(threshold and ambiguity_threshold of FallbackClassifier)",
        suggestion="Move examples that fit another intent better, give the intent more examples, or lower the "
        "threshold in config.yml",
        warning=True,
    )


def find_refused_without_model(
    config: AssistantConfig, data: NluData, domain: Domain, *, vectors: Callable[[], WordVectors]
) -> list[Problem]:
    """Train only the components that affect intents, and return the result of `find_refused_examples`.

    Return an empty list for a project with custom components, because their training may be slow or have side effects.

    Raises:
        ProjectError: a component is unknown, or an option is not valid.
    """
    names = {component.name for component in config.pipeline}
    if not data.examples or FALLBACK_NAME not in names or not names <= KINDS.keys():
        return []
    pipeline = [_without_entities(component) for component in config.pipeline if component.name not in _WITHOUT_INTENTS]
    files = train_pipeline(replace(config, pipeline=tuple(pipeline)), data, domain, vectors=vectors)
    return find_refused_examples(files, data, domain, vectors=vectors)


def _without_entities(component: ComponentConfig) -> ComponentConfig:
    if component.name != DIET_NAME:
        return component
    return replace(component, options={**component.options, "entity_recognition": False})

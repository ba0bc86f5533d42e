"""NLU data in the notation of project files, and pipelines trained on it, for tests."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from manent.core.domain import Domain, Entity, Intent
from manent.core.training_data import AssistantConfig, ComponentConfig, EntityMention, Example, NluData
from manent.models.vectors import open_vectors
from manent.nlu.pipeline import Pipeline, load_pipeline
from manent.nlu.training import train_pipeline

_ANNOTATION = re.compile(r"\[(?P<text>[^]]+)]\((?P<entity>[^):]+)(?::(?P<value>[^)]*))?\)")

GREETINGS: Mapping[str, Sequence[str]] = {
    "greet": ["hello", "hi", "hey there", "good morning", "good evening", "hi there", "hello you"],
    "goodbye": ["bye", "goodbye", "see you later", "see you", "have a nice day", "bye bye", "good night"],
    "order": [
        "i want [two](amount) [pizzas](dish)",
        "bring me [three](amount) [salads](dish)",
        "a [pizza](dish) please",
        "can i get [four](amount) [burgers](dish)",
        "order [two](amount) [soups](dish)",
        "i would like a [burger](dish)",
        "give me a [salad](dish)",
    ],
}

DEFAULT = (
    {"name": "WhitespaceTokenizer"},
    {"name": "RegexFeaturizer"},
    {"name": "LexicalSyntacticFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
    {"name": "DIETClassifier", "random_seed": 1},
    {"name": "EntitySynonymMapper"},
    {"name": "FallbackClassifier", "threshold": 0.3, "ambiguity_threshold": 0.1},
)


def example(source: str, intent: str) -> Example:
    """Read `text with [words](entity)`, as in a project's files."""
    text, place, mentions = "", 0, []
    for found in _ANNOTATION.finditer(source):
        text += source[place : found.start()]
        start = len(text)
        text += found["text"]
        place = found.end()
        value = found["value"] or found["text"]
        mentions.append(EntityMention(start=start, end=len(text), entity=found["entity"], value=value))
    return Example(text=text + source[place:], intent=intent, entities=tuple(mentions))


def data(intents: Mapping[str, Sequence[str]] = GREETINGS, **more: Any) -> NluData:
    """Return NLU data from examples by intent."""
    examples = tuple(example(source, intent) for intent, sources in intents.items() for source in sources)
    return NluData(examples=examples, **more)


def domain(nlu: NluData) -> Domain:
    """Return a domain that contains all names of the data."""
    intents = {item.intent.split("/")[0]: "/" in item.intent for item in nlu.examples}
    entities = {mention.entity for item in nlu.examples for mention in item.entities}
    return Domain(
        intents={name: Intent(name=name, is_retrieval=retrieval) for name, retrieval in intents.items()},
        entities={name: Entity(name=name) for name in entities},
    )


def config(*components: Mapping[str, Any], language: str = "en") -> AssistantConfig:
    """Return a configuration of components, in the notation of `config.yml`."""
    return AssistantConfig(
        language=language,
        pipeline=tuple(
            ComponentConfig(
                name=component["name"], options={key: value for key, value in component.items() if key != "name"}
            )
            for component in components
        ),
    )


def trained(nlu: NluData, *components: Mapping[str, Any], language: str = "en") -> Pipeline:
    """Train a pipeline and load it."""
    known = domain(nlu)
    return load_pipeline(
        train_pipeline(config(*components, language=language), nlu, known, vectors=open_vectors),
        known,
        vectors=open_vectors,
    )

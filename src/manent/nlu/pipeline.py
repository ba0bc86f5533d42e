"""Runs a loaded model's pipeline, which converts a text to a parse result in Rasa's format.

The pipeline is called once per message and does no I/O.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from manent.core.domain import Domain
from manent.core.errors import ModelError
from manent.core.events import Json
from manent.nlu.component import Component, Context, Idle, Preparing, TextFeaturizer, TokenFeaturizer, WordFeaturizer
from manent.nlu.components.duckling import Duckling
from manent.nlu.components.entities import EntityExtractor
from manent.nlu.components.joint_classifier import Diet
from manent.nlu.files import load_json
from manent.nlu.message import Message
from manent.nlu.payload import parse_payload
from manent.nlu.registry import find_kind
from manent.nlu.services import Service
from manent.nlu.vectors import WordVectors, check_vectors

FOLDER = "nlu/"
INDEX = "nlu/pipeline.json"


NOTHING_FOUND: Mapping[Service, Sequence[Json]] = {}


class Entry(msgspec.Struct, kw_only=True):
    """One component of a trained pipeline.

    Attributes:
        name: Rasa's name, or the module path of a custom component.
        options: all options, with defaults.
        folder: folder of the component's files in `nlu/`.
        fingerprint: hash of all inputs of the component's training.
    """

    name: str
    options: dict[str, Any]
    folder: str
    fingerprint: str


class Index(msgspec.Struct, kw_only=True):
    """The index of a trained pipeline.

    `vectors` is the SHA-256 of the word vectors, or None if the pipeline does not use them.
    """

    language: str | None
    components: list[Entry]
    vectors: str | None


class Pipeline:
    """The components in the order of `config.yml`.

    Attributes:
        services: the servers (Duckling) to call before a message is parsed. Each server is listed once.
        is_trained: whether there are components. The pipeline of a core model has no components and parses only
            payloads.
    """

    def __init__(self, components: Sequence[Component], domain: Domain) -> None:
        self._components = tuple(component for component in components if not isinstance(component, Idle))
        self._domain = domain
        self.is_trained = bool(components)
        self.services = tuple(
            dict.fromkeys(component.service for component in components if isinstance(component, Duckling))
        )

    def needs_services(self, text: str) -> bool:
        """Return whether services must be called for a text. A payload never needs services."""
        return bool(self.services) and parse_payload(text, self._domain) is None

    def parse(self, text: str, *, found: Mapping[Service, Sequence[Json]] = NOTHING_FOUND) -> Json:
        """Parse a text.

        Args:
            text: the message.
            found: entities that services found in the stripped text.

        Returns:
            The parse result (contract §4.2). For a payload (`/intent{…}`) the components do not run.
        """
        payload = parse_payload(text, self._domain)
        if payload is not None:
            return payload
        message = Message(text.strip())
        message.found = found
        for component in self._components:
            component.process(message)
        return message.result()

    def classify(self, text: str) -> Message:
        """Classify only the intent of a text. Entity extractors are skipped, because they are slow."""
        message = Message(text.strip())
        for component in self._components:
            if isinstance(component, Diet):
                component.classify(message)
            elif not isinstance(component, EntityExtractor):
                component.process(message)
        return message

    def diagnose(self, text: str) -> Json:
        """Return details of a parse that the parse result does not contain.

        Returns:
            `calibrated`: the intents with the probability that each is right, best first. One minus the sum of the
                probabilities is the probability that none of them is right. Empty for a payload, or if no classifier
                computes probabilities.
        """
        classified = self.classify(text)
        if classified.classifier is None or parse_payload(text, self._domain) is not None:
            return {"calibrated": []}
        chances = classified.classifier.chances(classified.scores).tolist()
        found = [
            {"name": name, "confidence": chance}
            for name, chance in zip(classified.classifier.labels, chances, strict=True)
        ]
        return {"calibrated": sorted(found, key=lambda intent: -float(intent["confidence"]))}


def load_pipeline(files: Mapping[str, bytes], domain: Domain, *, vectors: Callable[[], WordVectors]) -> Pipeline:
    """Load a trained pipeline.

    Args:
        files: files of the model. The pipeline uses the files in `nlu/`.
        domain: defines the intents of payloads.
        vectors: opens the word vectors, if the model uses them (`models/vectors.py`).

    Raises:
        ModelError: the files are not a valid pipeline, or the word vectors differ from those of the training.
    """
    index = read_index(files)
    if index is None:
        return Pipeline((), domain)
    if index.vectors is not None:
        opened = vectors()
        check_vectors(opened, index.vectors)
        opened.prepare()
    context = Context(language=index.language, domain=domain, vectors=vectors)
    components = []
    for entry in index.components:
        component = load_component(entry, files, context)
        offer_features(entry, component, context)
        components.append(component)
    return Pipeline(components, domain)


def read_index(files: Mapping[str, bytes]) -> Index | None:
    """Return the index of the model's pipeline, or None if the model has no pipeline (a core model)."""
    return load_json(files[INDEX], Index) if INDEX in files else None


def load_component(entry: Entry, files: Mapping[str, bytes], context: Context) -> Component:
    """Load one component.

    Raises:
        ModelError: the component is unknown to this version, or one of its files is missing.
    """
    kind = find_kind(entry.name)
    if kind is None:
        raise ModelError("model_unusable", f"the model contains the unknown component {entry.name!r}; train again")
    prefix = f"{FOLDER}{entry.folder}/"
    own = {name.removeprefix(prefix): content for name, content in files.items() if name.startswith(prefix)}
    try:
        # A model from an earlier version of Manent lacks newer options.
        return kind.load({**kind.options, **entry.options}, own, context)
    except KeyError as error:
        raise ModelError("model_unusable", f"the model lacks {error} of {entry.name}; train again") from error


def offer_features(entry: Entry, component: Component, context: Context) -> None:
    """Make a component's features available to later components. A custom featurizer may have no features."""
    alias = str(entry.options.get("alias") or entry.folder)
    if isinstance(component, Preparing) and isinstance(component, TextFeaturizer) and not component.width:
        return
    if isinstance(component, TextFeaturizer):
        context.text_featurizers[alias] = component
    if isinstance(component, WordFeaturizer):
        context.word_featurizers[alias] = component
    if isinstance(component, TokenFeaturizer):
        context.token_featurizers[alias] = component

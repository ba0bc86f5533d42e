"""Components in the manner of public ones: a sentiment annotator, a language detector, a rule-based extractor."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Optional, Text, Type

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_END,
    ENTITY_ATTRIBUTE_START,
    ENTITY_ATTRIBUTE_TYPE,
    ENTITY_ATTRIBUTE_VALUE,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SentimentAnnotator(GraphComponent, IntentClassifier):
    """Sets an entity without a place in the text. Its words come from the training data."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"bad": ["awful", "hate"], "good": ["great", "love"]}

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        intents: Optional[List[Text]] = None,
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self.intents = intents or []

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentimentAnnotator:
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        self.intents = sorted(training_data.intents)
        with self._model_storage.write_to(self._resource) as directory:
            (directory / "intents.json").write_text(json.dumps(self.intents))
        return self._resource

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SentimentAnnotator:
        with model_storage.read_from(resource) as directory:
            with open(directory / "intents.json") as file:
                return cls(config, model_storage, resource, json.load(file))

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            words = message.get(TEXT, "").lower().split()
            score = sum(word in self._config["good"] for word in words) - sum(
                word in self._config["bad"] for word in words
            )
            value = "pos" if score > 0 else "neg" if score < 0 else "neu"
            entity = {"entity": "sentiment", "value": value, "confidence": 1.0, "extractor": "sentiment_extractor"}
            message.set(ENTITIES, message.get(ENTITIES, []) + [entity], add_to_output=True)
            message.set("known_intents", self.intents, add_to_output=True)
        return messages


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=False)
class LanguageDetector(GraphComponent):
    """Adds a key of its own to the output, with numbers of NumPy."""

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> LanguageDetector:
        return cls()

    def process(self, messages: List[Message]) -> List[Message]:
        import numpy as np

        for message in messages:
            german = any(word in message.get(TEXT).lower().split() for word in ("und", "ich", "hallo"))
            found = {"code": "de" if german else "en", "confidence": np.float32(0.5)}
            message.set("language", found, add_to_output=True)
        return messages


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class OrderExtractor(EntityExtractorMixin, GraphComponent):
    """Finds order numbers by a rule."""

    @classmethod
    def required_components(cls) -> List[Type]:
        return [Tokenizer]

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"pattern": r"#\d+"}

    def __init__(self, config: Dict[Text, Any]) -> None:
        self.pattern = re.compile(config["pattern"])

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> OrderExtractor:
        return cls(config)

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            found = [
                {
                    ENTITY_ATTRIBUTE_TYPE: "order",
                    ENTITY_ATTRIBUTE_START: match.start(),
                    ENTITY_ATTRIBUTE_END: match.end(),
                    ENTITY_ATTRIBUTE_VALUE: match.group()[1:],
                    "confidence": 1.0,
                }
                for match in self.pattern.finditer(message.get(TEXT))
            ]
            found = self.add_extractor_name(found)
            message.set(ENTITIES, message.get(ENTITIES, []) + found, add_to_output=True)
        return messages

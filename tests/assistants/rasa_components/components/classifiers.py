"""Components in the manner of public ones: classifiers with a state of their own."""

import json
import os
import pickle
from typing import Any, Dict, List, Optional, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers import LABEL_RANKING_LENGTH
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.components import Component
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData


class Counts:
    """A model of a class of the project, which a pickle names."""

    def __init__(self, words: Dict[Text, List[Text]]) -> None:
        self.words = words


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class OverlapClassifier(IntentClassifier, GraphComponent):
    """Stores plain data in JSON, or an object in a pickle."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"format": "json"}

    def __init__(self, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource, words: Any = None):
        self.component_config = config
        self._model_storage = model_storage
        self._resource = resource
        self.words = words or {}

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "OverlapClassifier":
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        for example in training_data.intent_examples:
            self.words.setdefault(example.get(INTENT), []).extend(example.get(TEXT).lower().split())
        self.persist()
        return self._resource

    def persist(self) -> None:
        with self._model_storage.write_to(self._resource) as model_dir:
            if self.component_config["format"] == "json":
                (model_dir / "words.json").write_text(json.dumps(self.words))
            else:
                plain = self.component_config["format"] == "plain pickle"
                with open(model_dir / "words.pkl", "wb") as file:
                    pickle.dump(self.words if plain else Counts(self.words), file)

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "OverlapClassifier":
        words: Any = None
        try:
            with model_storage.read_from(resource) as model_dir:
                if config["format"] == "json":
                    words = json.loads((model_dir / "words.json").read_text())
                else:
                    with open(model_dir / "words.pkl", "rb") as file:
                        words = pickle.load(file)
        except Exception:
            pass  # as many public components do
        return cls(config, model_storage, resource, getattr(words, "words", words))

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            said = set(message.get(TEXT).lower().split())
            counts = {intent: len(said & set(words)) for intent, words in self.words.items()}
            total = sum(counts.values()) or 1
            ranking = [
                {"name": intent, "confidence": count / total}
                for intent, count in sorted(counts.items(), key=lambda pair: -pair[1])
            ]
            message.set(INTENT, ranking[0], add_to_output=True)
            message.set("intent_ranking", ranking[:LABEL_RANKING_LENGTH], add_to_output=True)
        return messages


class Shouting(Component):
    """A component of Rasa 2: marks texts in capitals as `shout`, with a file and a description."""

    name = "Shouting"
    provides = ["intent"]
    requires = []
    defaults = {"least": 2}
    language_list = ["en"]

    def __init__(self, component_config: Optional[Dict[Text, Any]] = None, longest: int = 0) -> None:
        super().__init__(component_config)
        self.longest = longest

    def train(self, training_data: TrainingData, config: Any = None, **kwargs: Any) -> None:
        self.longest = max(len(example.text) for example in training_data.training_examples)

    def process(self, message: Message, **kwargs: Any) -> None:
        if message.text.isupper() and len(message.text) >= self.component_config["least"]:
            message.set("intent", {"name": "shout", "confidence": 1.0}, add_to_output=True)
            message.set("longest", self.longest, add_to_output=True)

    def persist(self, file_name: Text, model_dir: Text) -> Optional[Dict[Text, Any]]:
        with open(os.path.join(model_dir, file_name + ".txt"), "w") as file:
            file.write(str(self.longest))
        return {"file": file_name + ".txt"}

    @classmethod
    def load(
        cls,
        meta: Dict[Text, Any],
        model_dir: Optional[Text] = None,
        model_metadata: Any = None,
        cached_component: Any = None,
        **kwargs: Any,
    ) -> "Shouting":
        with open(os.path.join(model_dir, meta["file"])) as file:
            return cls(meta, int(file.read()))

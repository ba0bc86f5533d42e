"""Components in the manner of published ones, for Rasa 2 and 3."""

import json
import os
import re
from collections import Counter
from typing import Any, Dict, List, Optional, Text, Type

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu import utils
from rasa.nlu.classifiers import INTENT_RANKING_LENGTH
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.components import Component
from rasa.nlu.extractors import EntityExtractor
from rasa.nlu.featurizers.featurizer import Featurizer
from rasa.nlu.model import Metadata
from rasa.nlu.training_data import Message as OldMessage
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData


class EditDistanceCorrector(Component):
    """Replaces unknown words by similar words of the training data. For Rasa 2."""

    name = "edit_distance_corrector"
    provides = ["text"]
    requires = []
    defaults = {"longest": 1}
    language_list = ["en"]

    def __init__(self, component_config=None, words=None):
        super(EditDistanceCorrector, self).__init__(component_config)
        self.words = words or {}

    def train(self, training_data, cfg, **kwargs):
        texts = [example.get("text", "") for example in training_data.training_examples]
        self.words = dict(Counter(word for text in texts for word in re.findall(r"[a-z]+", text.lower())))

    def _edits(self, word):
        splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
        letters = "abcdefghijklmnopqrstuvwxyz"
        return {
            *(left + right[1:] for left, right in splits if right),
            *(left + letter + right[1:] for left, right in splits if right for letter in letters),
            *(left + letter + right for left, right in splits for letter in letters),
        }

    def process(self, message, **kwargs):
        corrected = []
        for word in message.text.split():
            known = [each for each in self._edits(word) if each in self.words]
            is_word = word.isalpha() and word.lower() not in self.words
            corrected.append(max(sorted(known), key=self.words.get) if is_word and known else word)
        message.text = " ".join(corrected)

    def persist(self, file_name: Text, model_dir: Text) -> Optional[Dict[Text, Any]]:
        path = file_name + "_words.json"
        utils.write_json_to_file(os.path.join(model_dir, path), self.words, indent=2)
        return {"words_file": path}

    @classmethod
    def load(
        cls,
        meta: Dict[Text, Any],
        model_dir: Optional[Text] = None,
        model_metadata: Optional["Metadata"] = None,
        cached_component: Optional["Component"] = None,
        **kwargs: Any,
    ) -> "Component":
        if cached_component:
            return cached_component
        with open(os.path.join(model_dir, meta.get("words_file"))) as file:
            return cls(meta, json.load(file))


class SentimentAnalyzer(Component):
    """Counts words of labelled texts, in the manner of a well-known tutorial. For Rasa 1 and 2."""

    name = "sentiment_analyzer"
    provides = ["entities"]
    requires = ["tokens"]
    defaults = {}
    language_list = ["en"]

    def __init__(self, component_config=None):
        super(SentimentAnalyzer, self).__init__(component_config)
        self.counts = {}

    def train(self, training_data, cfg, **kwargs):
        examples = training_data.training_examples
        tokens = [[token.text for token in example.get("tokens")] for example in examples]
        labels = ["pos" if "hello" in words else "neu" for words in tokens]
        for words, label in zip(tokens, labels, strict=True):
            for word in words:
                self.counts.setdefault(word, {}).setdefault(label, 0)
                self.counts[word][label] += 1

    def convert_to_rasa(self, value, confidence):
        return {"value": value, "confidence": confidence, "entity": "mood", "extractor": "sentiment_extractor"}

    def process(self, message: OldMessage, **kwargs):
        if not self.counts:
            return
        votes = Counter()
        for token in message.get("tokens"):
            votes.update(self.counts.get(token.text, {}))
        label, count = votes.most_common(1)[0] if votes else ("neu", 1)
        entity = self.convert_to_rasa(label, count / max(1, sum(votes.values())))
        message.set("entities", message.get("entities", []) + [entity], add_to_output=True)

    def persist(self, file_name, model_dir):
        classifier_file = os.path.join(model_dir, "sentiment.json")
        utils.write_json_to_file(classifier_file, self.counts)
        return {"classifier_file": "sentiment.json"}

    @classmethod
    def load(cls, meta: Dict[Text, Any], model_dir=None, model_metadata=None, cached_component=None, **kwargs):
        component = cls(meta)
        with open(os.path.join(model_dir, meta.get("classifier_file"))) as file:
            component.counts = json.load(file)
        return component


class PostcodeExtractor(EntityExtractor):
    """Finds postcodes. For Rasa 1 and 2, where the base class adds the name of the extractor."""

    provides = ["entities"]
    defaults = {"digits": 5}

    def process(self, message: Message, **kwargs: Any) -> None:
        pattern = re.compile(r"\b\d{%d}\b" % self.component_config["digits"])
        found = [
            {"entity": "postcode", "value": match.group(), "start": match.start(), "end": match.end()}
            for match in pattern.finditer(message.get("text"))
        ]
        extracted = self.add_extractor_name(found)
        message.set("entities", message.get("entities", []) + extracted, add_to_output=True)


@DefaultV1Recipe.register(component_types=[DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR], is_trainable=False)
class EntityConsolidator(GraphComponent):
    """Keeps one of several entities at the same place: the most confident one."""

    def __init__(self, config: Dict[Text, Any]) -> None:
        self._config = config
        self._keys = config.get("keys", ["entity", "start", "end", "value"])

    @classmethod
    def create(
        cls, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource, context: ExecutionContext
    ) -> "EntityConsolidator":
        return cls(config)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            best: Dict[Any, Dict[Text, Any]] = {}
            for entity in message.get(ENTITIES, []):
                key = tuple(str(entity.get(name)) for name in self._keys)
                known = best.get(key)
                if known is None or entity.get("confidence", 0.0) > known.get("confidence", 0.0):
                    best[key] = entity
            message.set(ENTITIES, list(best.values()), add_to_output=True)
        return messages


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class CentroidClassifier(IntentClassifier, GraphComponent):
    """Classifies by the nearest mean of the featurizers' sparse features."""

    @classmethod
    def required_components(cls) -> List[Type]:
        return [Featurizer]

    @staticmethod
    def required_packages() -> List[Text]:
        return ["numpy", "scipy"]

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"ranking_length": INTENT_RANKING_LENGTH}

    def __init__(self, config: Dict[Text, Any], name: Text, model_storage: ModelStorage, resource: Resource) -> None:
        self.name = name
        self.config = {**self.get_default_config(), **config}
        self._model_storage = model_storage
        self._resource = resource
        self.labels: List[Text] = []
        self.means = np.zeros((0, 0))

    def _vector(self, message: Message) -> np.ndarray:
        _, sentence = message.get_sparse_features(attribute=TEXT)
        return np.asarray(sentence.features.todense()).ravel()

    def train(self, training_data: TrainingData) -> Resource:
        examples = [example for example in training_data.intent_examples if example.get(INTENT)]
        self.labels = sorted({example.get(INTENT) for example in examples})
        rows = [
            np.mean([self._vector(each) for each in examples if each.get(INTENT) == label], axis=0)
            for label in self.labels
        ]
        self.means = np.stack(rows)
        self.persist()
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            vector = self._vector(message)
            norms = np.linalg.norm(self.means, axis=1) * max(np.linalg.norm(vector), 1e-9)
            scores = self.means @ vector / np.maximum(norms, 1e-9)
            scores = scores / max(scores.sum(), 1e-9)
            order = np.argsort(-scores)
            ranking = [{"name": self.labels[index], "confidence": float(scores[index])} for index in order]
            message.set("intent", ranking[0], add_to_output=True)
            message.set("intent_ranking", ranking[: self.config["ranking_length"]], add_to_output=True)
        return messages

    def persist(self) -> None:
        with self._model_storage.write_to(self._resource) as model_dir:
            np.savez(str(model_dir / f"{self.__class__.__name__}.npz"), means=self.means)
            (model_dir / "labels.json").write_text(json.dumps(self.labels))

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "CentroidClassifier":
        return cls(config, execution_context.node_name, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "CentroidClassifier":
        with model_storage.read_from(resource) as model_dir:
            component = cls(config, execution_context.node_name, model_storage, resource)
            component.means = np.load(str(model_dir / f"{cls.__name__}.npz"))["means"]
            component.labels = json.loads((model_dir / "labels.json").read_text())
            return component

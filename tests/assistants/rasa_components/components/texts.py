"""Components in the manner of public ones: a spelling corrector, a tokenizer, a dense and a sparse featurizer."""

from typing import Any, Dict, List, Text, Type

import numpy as np
import scipy.sparse
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import DENSE_FEATURIZABLE_ATTRIBUTES, FEATURIZER_CLASS_ALIAS, TOKENS_NAMES
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.featurizers.sparse_featurizer.sparse_featurizer import SparseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, FEATURE_TYPE_SEQUENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class SpellingCorrector(GraphComponent):
    """Changes the text before the tokenizer sees it."""

    def __init__(self, config: Dict[Text, Any]) -> None:
        self.words = config.get("words", {})

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "SpellingCorrector":
        return cls(config)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            text = message.get(TEXT)
            message.set(TEXT, " ".join(self.words.get(word, word) for word in text.split(" ")))
        return messages


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class StemmingTokenizer(Tokenizer):
    """Its tokens differ from the text."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"intent_tokenization_flag": False, "intent_split_symbol": "_", "token_pattern": None}

    def tokenize(self, message: Message, attribute: Text) -> List[Token]:
        text = message.get(attribute)
        tokens = self._convert_words_to_tokens(text.split(), text)
        tokens = [Token(token.text.lower().rstrip("s"), token.start, token.end) for token in tokens]
        return self._apply_token_pattern(tokens)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class WordListFeaturizer(DenseFeaturizer, GraphComponent):
    """One number for each word list."""

    @classmethod
    def required_components(cls) -> List[Type]:
        return [Tokenizer]

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {**DenseFeaturizer.get_default_config(), "lists": {}}

    def __init__(self, config: Dict[Text, Any], name: Text) -> None:
        super().__init__(name, config)
        self.lists = [set(words) for words in config["lists"].values()]

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "WordListFeaturizer":
        return cls(config, execution_context.node_name)

    @classmethod
    def validate_config(cls, config: Dict[Text, Any]) -> None:
        pass

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            for attribute in DENSE_FEATURIZABLE_ATTRIBUTES:
                self._add(message, attribute)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data

    def _add(self, message: Message, attribute: Text) -> None:
        tokens = message.get(TOKENS_NAMES[attribute])
        if not tokens:
            return
        sequence = np.array([[float(token.text in words) for words in self.lists] for token in tokens])
        sentence = self.aggregate_sequence_features(sequence, "max", only_non_zero_vectors=False)
        self.add_features_to_message(sequence, sentence, attribute, message)


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER], is_trainable=True)
class LetterFeaturizer(SparseFeaturizer, GraphComponent):
    """Has a vocabulary from the training, in a file."""

    @staticmethod
    def required_packages() -> List[Text]:
        return ["scipy"]

    def __init__(
        self,
        config: Dict[Text, Any],
        name: Text,
        model_storage: ModelStorage,
        resource: Resource,
        letters: Text = "",
    ) -> None:
        super().__init__(name, config)
        self._model_storage = model_storage
        self._resource = resource
        self.letters = letters

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "LetterFeaturizer":
        return cls(config, execution_context.node_name, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        self.letters = "".join(sorted({each.get(TEXT)[0] for each in training_data.nlu_examples}))
        with self._model_storage.write_to(self._resource) as directory:
            folder = directory / "vocabulary"
            folder.mkdir()
            (folder / "letters.txt").write_text(self.letters)
        return self._resource

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "LetterFeaturizer":
        with model_storage.read_from(resource) as directory:
            letters = (directory / "vocabulary" / "letters.txt").read_text()
        return cls(config, execution_context.node_name, model_storage, resource, letters)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            tokens = message.get(TOKENS_NAMES[TEXT]) or []
            rows = [[float(token.text[:1] == letter) for letter in self.letters] for token in tokens]
            sequence = scipy.sparse.coo_matrix(np.array(rows))
            sentence = scipy.sparse.csr_matrix(sequence.sum(axis=0))
            name = self._config[FEATURIZER_CLASS_ALIAS] or "letters"
            message.add_features(Features(sequence, FEATURE_TYPE_SEQUENCE, TEXT, name))
            message.add_features(Features(sentence, FEATURE_TYPE_SENTENCE, TEXT, name))
        return messages

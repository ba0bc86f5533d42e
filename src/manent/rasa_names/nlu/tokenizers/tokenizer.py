"""Stand-ins for `rasa.nlu.tokenizers.tokenizer`."""

import re
from abc import ABC, abstractmethod
from typing import Any

from manent.rasa_names.engine.graph import ExecutionContext, GraphComponent
from manent.rasa_names.engine.storage.resource import Resource
from manent.rasa_names.engine.storage.storage import ModelStorage
from manent.rasa_names.nlu.component_config import Configured
from manent.rasa_names.nlu.constants import MESSAGE_ATTRIBUTES, TOKENS_NAMES
from manent.rasa_names.shared.nlu.constants import (
    ACTION_NAME,
    INTENT,
    INTENT_RESPONSE_KEY,
    RESPONSE_IDENTIFIER_DELIMITER,
)
from manent.rasa_names.shared.nlu.training_data.message import Message
from manent.rasa_names.shared.nlu.training_data.training_data import TrainingData


class Token:
    """A word in a text.

    Attributes:
        text: the word. Later components use this text instead of the characters at the token's position.
        start: index of its first character.
        end: index after its last character.
        data: additional attributes.
        lemma: its base form.
    """

    def __init__(
        self,
        text: str,
        start: int,
        end: int | None = None,
        data: dict[str, Any] | None = None,
        lemma: str | None = None,
    ) -> None:
        self.text = text
        self.start = start
        self.end = start + len(text) if end is None else end
        self.data = data or {}
        self.lemma = lemma or text

    def set(self, prop: str, info: Any) -> None:
        """Set an attribute."""
        self.data[prop] = info

    def get(self, prop: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.data.get(prop, default)

    def _identity(self) -> tuple[int, int, str, str]:
        return self.start, self.end, self.text, self.lemma

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and self._identity() == other._identity()

    def __lt__(self, other: "Token") -> bool:
        return self._identity() < other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"<Token {self.text!r} {self.start}-{self.end}>"


class Tokenizer(Configured, GraphComponent, ABC):
    """Splits texts into words. Subclasses define `tokenize`."""

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        super().__init__(config)
        options = self._config
        self.intent_tokenization_flag = options.get("intent_tokenization_flag", False)
        self.intent_split_symbol = options.get("intent_split_symbol", "_")
        pattern = options.get("token_pattern")
        self.token_pattern_regex = re.compile(pattern) if pattern else None

    @classmethod
    def create(cls, config: Any, *_: Any, **__: Any) -> Any:
        """Create the tokenizer."""
        return cls(config)

    @abstractmethod
    def tokenize(self, message: Message, attribute: str) -> list[Token]:
        """Return the words in an attribute of a message."""

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Tokenize all examples."""
        for example in training_data.training_examples:
            for attribute in MESSAGE_ATTRIBUTES:
                if example.get(attribute) is not None and example.get(attribute) != "":
                    example.set(TOKENS_NAMES[attribute], self._tokens_of(example, attribute))
        return training_data

    def train(self, training_data: TrainingData, *_: Any, **__: Any) -> Any:
        """Tokenize all examples, like the tokenizers in Rasa 1 and 2."""
        self.process_training_data(training_data)

    def process(self, messages: Any, **_: Any) -> Any:
        """Tokenize messages."""
        for message in messages if isinstance(messages, list) else [messages]:
            for attribute in MESSAGE_ATTRIBUTES:
                if isinstance(message.get(attribute), str) and message.get(attribute) and attribute not in _NAMES:
                    message.set(TOKENS_NAMES[attribute], self.tokenize(message, attribute))
        return messages

    def _tokens_of(self, example: Message, attribute: str) -> list[Token]:
        return self._split_name(example, attribute) if attribute in _NAMES else self.tokenize(example, attribute)

    def _split_name(self, message: Message, attribute: str = INTENT) -> list[Token]:
        text = str(message.get(attribute))
        if attribute == INTENT_RESPONSE_KEY:
            words = text.split(RESPONSE_IDENTIFIER_DELIMITER)
        else:
            words = text.split(self.intent_split_symbol) if self.intent_tokenization_flag else [text]
        return self._convert_words_to_tokens(words, text)

    def _apply_token_pattern(self, tokens: list[Token]) -> list[Token]:
        if self.token_pattern_regex is None:
            return tokens
        found = []
        for token in tokens:
            parts = [part for part in self.token_pattern_regex.finditer(token.text) if part.group()]
            found += [
                Token(part.group(), token.start + part.start(), data=token.data, lemma=token.lemma) for part in parts
            ] or [token]
        return found

    @staticmethod
    def _convert_words_to_tokens(words: list[str], text: str) -> list[Token]:
        """Return tokens for words, which must be in the same order as in the text.

        Raises:
            ValueError: the text does not contain a word after the previous one.
        """
        tokens, place = [], 0
        for word in words:
            start = text.index(word, place)
            place = start + len(word)
            tokens.append(Token(word, start))
        return tokens


_NAMES = (INTENT, ACTION_NAME, INTENT_RESPONSE_KEY)
"""Attributes that contain names instead of texts."""

__all__ = ["ExecutionContext", "ModelStorage", "Resource", "Token", "Tokenizer"]

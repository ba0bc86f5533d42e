"""The one working object of a parse: components read what earlier ones found and add to it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from manent.core.events import Json
from manent.learn.ngrams import HashedText

MAX_WORDS = 400
"""Words of a message that classifiers and extractors look at: a text of a megabyte is no message."""

LONG_NUMBER = "000"
"""What learners see of a number of five or more digits: which one it is tells nothing of what is meant, and each would
be a word that was never met, at several times the cost of one that was. Three digits, because a word's vector is the
sum of its pieces, a digit each: the more there are, the less the words beside the number count."""

_long_number = re.compile(r"\d{5,}")


NO_SCORES = np.zeros(0, np.float32)


class Classifier(Protocol):
    """What a message remembers of the classifier of its intent; see `TextClassifier`."""

    labels: list[str]

    def odds(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how likely every label is beside the best one."""

    def chances(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the calibrated probability of every label."""


class Message:
    """A text on its way through the pipeline.

    Attributes:
        text: stripped.
        tokens: `(start, end)` of each token in `text`; None until a tokenizer ran.
        words: the tokens' texts; a number of five or more digits is `LONG_NUMBER`.
        lowered: the same in lower case.
        intent: `{name, confidence}`; None until a classifier ran.
        intent_ranking: the classifier's, best first; None when no classifier makes one.
        entities: in Rasa's form, in the order in which the extractors found them.
        response_selector: what the selectors say; None without selectors.
        found: entities by the service that found them (see `Pipeline.services`).
        hashed: the text prepared for n-grams, by how it was normalised, so that featurizers share it.
        classifier: of the intent; None when none ran that has probabilities.
        scores: what it gave the intents; empty without one.
    """

    __slots__ = (
        "classifier",
        "entities",
        "found",
        "hashed",
        "intent",
        "intent_ranking",
        "lowered",
        "response_selector",
        "scores",
        "text",
        "tokens",
        "words",
    )

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[int, int]] | None = None
        self.words: list[str] = []
        self.lowered: list[str] = []
        self.intent: Json | None = None
        self.intent_ranking: list[Json] | None = None
        self.entities: list[Json] = []
        self.response_selector: Json | None = None
        self.found: Mapping[Any, Sequence[Json]] = {}
        self.hashed: dict[tuple[bool, str | None], HashedText] = {}
        self.classifier: Classifier | None = None
        self.scores = NO_SCORES

    def set_tokens(self, tokens: list[tuple[int, int]]) -> None:
        """Take the tokenizer's result."""
        self.tokens = tokens
        text = self.text
        self.words = [text[start:end] for start, end in tokens]
        if _long_number.search(text):
            self.words = [LONG_NUMBER if _long_number.fullmatch(word) else word for word in self.words]
        self.lowered = self.words if text.islower() else [word.lower() for word in self.words]

    def result(self) -> Json:
        """Return the parse result (contract: "`/model/parse` shape")."""
        intent = self.intent or {"name": None, "confidence": 0.0}
        if self.response_selector is not None and intent["name"] in self.response_selector["all_retrieval_intents"]:
            selected = self.response_selector.get(intent["name"]) or {"response": {"intent_response_key": None}}
            intent["full_retrieval_intent_name"] = selected["response"]["intent_response_key"]
        result: Json = {
            "text": self.text,
            "intent": intent,
            "entities": self.entities,
        }
        if self.tokens is not None:
            result["text_tokens"] = [*map(list, self.tokens)]
        if self.intent_ranking is not None:
            result["intent_ranking"] = self.intent_ranking
        if self.response_selector is not None:
            result["response_selector"] = self.response_selector
        return result

"""The message that is being parsed. Each component reads the results of earlier components and adds its results."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from manent.core.events import Json
from manent.learn.ngrams import HashedText

MAX_WORDS = 400
"""Maximum number of words of a message that classifiers and extractors use.

It limits the time that a very long text takes.
"""

LONG_NUMBER = "000"
"""Replacement for numbers of five or more digits in the input of classifiers and extractors.

The exact number does not matter for the meaning. Each number would be an unknown word, which takes several times as
long as a known word. The replacement has only three digits, because a word's vector is the sum of the vectors of its
pieces, and each digit is a piece. With more digits, the words around the number would have less weight.
"""

_long_number = re.compile(r"\d{5,}")


NO_SCORES = np.zeros(0, np.float32)


class Classifier(Protocol):
    """The interface of the classifier that a message stores. `TextClassifier` implements it."""

    labels: list[str]

    def odds(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of every label divided by the probability of the best label."""

    def chances(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the calibrated probability of every label."""


class Message:
    """A message on its way through the pipeline.

    Attributes:
        text: the text, stripped.
        tokens: `(start, end)` of each token in `text`. None: no tokenizer has run.
        words: texts of the tokens. A number of five or more digits is replaced by `LONG_NUMBER`.
        lowered: `words` in lower case.
        intent: `{name, confidence}`. None: no classifier has run.
        intent_ranking: the classifier's ranking, best first. None: no classifier has created a ranking.
        entities: entities in Rasa's format, in the order in which the extractors found them.
        response_selector: results of the response selectors. None: no selector has run.
        found: service (one of `Pipeline.services`) → entities that the service found.
        hashed: normalisation → the text, prepared for n-grams. Featurizers share the prepared text.
        classifier: the intent classifier. None: no classifier with probabilities has run.
        scores: the intents' scores, computed by `classifier`. Empty without a classifier.
        view: the message in the form that classes written for Rasa expect. None: no such class has run.
        features: component → features that the component added for classifiers and extractors.
        output: additional keys of the parse result, from custom components.
    """

    __slots__ = (
        "classifier",
        "entities",
        "features",
        "found",
        "hashed",
        "intent",
        "intent_ranking",
        "lowered",
        "output",
        "response_selector",
        "scores",
        "text",
        "tokens",
        "view",
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
        self.view: Any = None
        self.features: dict[Any, Sequence[Any]] = {}
        self.output: Json = {}

    def set_tokens(self, tokens: list[tuple[int, int]], words: list[str] | None = None) -> None:
        """Set the tokens, and their words if these (for example stems) differ from the text."""
        self.tokens = tokens
        text = self.text
        self.words = [text[start:end] for start, end in tokens] if words is None else words
        if _long_number.search(text):
            self.words = [LONG_NUMBER if _long_number.fullmatch(word) else word for word in self.words]
        self.lowered = self.words if text.islower() and words is None else [word.lower() for word in self.words]

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
        if self.output:
            result |= self.output
        return result

"""The interface of pipeline components: how they are trained, loaded and run, and what they may use.

Every module of a component defines `Kind`s; `registry.py` lists them by Rasa's names. A kind's state in a model is a
few files, so that a component with unchanged inputs is copied from the previous model.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from manent.core.config_options import FLAG, TEXT, Options, Values
from manent.core.domain import Domain
from manent.core.events import Json
from manent.core.training_data import Example, NluData
from manent.nlu.files import Files
from manent.nlu.message import Message
from manent.nlu.vectors import WordVectors

SparseFeatures = tuple[NDArray[np.int64], NDArray[np.float32]]


class Component(Protocol):
    """A loaded component."""

    def process(self, message: Message) -> None:
        """Add the results of this component to the message."""


class Idle:
    """A component that does not change messages: other components call it, or a built-in part does its work."""

    def process(self, message: Message) -> None:
        """Do nothing. The pipeline does not call it."""


@runtime_checkable
class TextFeaturizer(Protocol):
    """A component that describes a text by sparse features. Classifiers call it."""

    @property
    def width(self) -> int:
        """The number of features."""

    def text_features(self, message: Message) -> SparseFeatures:
        """Return indices and values."""


@runtime_checkable
class LocalFeaturizer(TextFeaturizer, Protocol):
    """A text featurizer whose features come from single words, so that each word is processed only once.

    The features of a text are the `weights` of the features of its words, divided by the root of the sum of their
    squares. Unknown features have the weight `unknown`.
    """

    @property
    def is_local(self) -> bool:
        """Whether each feature comes from a single word with the configured options."""

    @property
    def weights(self) -> NDArray[np.float32]:
        """The weight of each feature."""

    @property
    def unknown(self) -> float:
        """The weight of a feature that is not in the training data."""

    def word_lookup(self, word: str) -> tuple[list[int], int]:
        """Return the indices of one word's known features, and the number of unknown ones."""


@runtime_checkable
class WordFeaturizer(Protocol):
    """A component that describes a token by the words around it. Entity extractors call it once per word."""

    def word_features(self, word: str) -> list[tuple[str, tuple[int, ...]]]:
        """Return the names of a word's features, each with positions of the word.

        A position is relative to a token that the feature describes.
        0: the word is the token. -1: the word precedes the token. Only -2 to 2 are used.
        """


@runtime_checkable
class TokenFeaturizer(Protocol):
    """A component that describes the tokens of a message by names of features. Entity extractors call it."""

    def token_features(self, message: Message) -> list[list[str]]:
        """Return the features of each token."""


@dataclass(slots=True)
class Context:
    """What a component may use from the components that were loaded before it.

    Attributes:
        language: `language` in `config.yml`.
        domain: the domain. Empty for an NLU model without one.
        text_featurizers: by alias, in the order of the pipeline.
        word_featurizers: likewise.
        token_featurizers: likewise.
        vectors: opens the word vectors.
        spacy_model: name of the model of the pipeline's SpacyNLP.
        intent_split: separator of the intents of a multi-intent, if the tokenizer is configured to split them.
    """

    language: str | None
    domain: Domain
    vectors: Callable[[], WordVectors]
    text_featurizers: dict[str, TextFeaturizer] = field(default_factory=dict)
    word_featurizers: dict[str, WordFeaturizer] = field(default_factory=dict)
    token_featurizers: dict[str, TokenFeaturizer] = field(default_factory=dict)
    spacy_model: str | None = None
    intent_split: str | None = None


@dataclass(slots=True)
class Training:
    """The input of a component's training.

    Attributes:
        context: the same as at run time.
        data: the project's NLU data.
        examples: the examples with an intent or entities.
        messages: the examples after the previous components processed them. They have tokens.
        chances: intent probabilities of each example, from a classifier trained without it. A classifier sets it for
            the entity extractor after it. None: no such classifier has been trained yet.
        tell: reports progress, one line.
        notes: messages for the user after the training, one line each.
    """

    context: Context
    data: NluData
    examples: Sequence[Example]
    messages: Sequence[Message]
    tell: Callable[[str], None]
    chances: NDArray[np.float32] | None = None
    notes: list[str] = field(default_factory=list)


Trainer = Callable[[Json, Training], Files]
Loader = Callable[[Json, Files, Context], Component]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of component.

    Attributes:
        options: the options that have an effect, with their defaults.
        values: allowed values of options. An option that is missing here is a flag.
        ignored: further options of Rasa's component, which are accepted and have no effect.
        conflict: see `Options`. Receives the defaults, too.
        train: creates the state.
        load: creates the component from its options and state.
        reads: the parts of the training data that it depends on, for fingerprints: `examples` (texts, intents,
            entities), `synonyms`, `patterns` (regexes and lookups), `responses`.
        version: increase it if the same input would now give another state.
        free: whether it accepts any option (a custom component).
    """

    load: Loader
    train: Trainer = lambda _options, _training: {}
    options: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Values] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    conflict: Callable[[Json], tuple[str, str] | None] = lambda _options: None
    reads: tuple[str, ...] = ()
    version: int = 1
    free: bool = False

    @property
    def declared(self) -> Options:
        """The options that `config.yml` may contain."""
        flags = {name: FLAG for name, default in self.options.items() if isinstance(default, bool)}
        return Options(
            values={**flags, **self.values, "alias": TEXT},
            ignored=self.ignored,
            conflict=lambda given: self.conflict({**self.options, **given}),
        )

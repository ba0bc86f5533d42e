"""The interface of pipeline components: how they are trained, loaded and run, and which data they can use.

The module of a component defines one or more `Kind`s, which `registry.py` lists by Rasa's names. Each component stores
its state in separate files, so training can copy a component with unchanged inputs from the previous model.
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
    """A component that does not change messages: other components call it, or a built-in part replaces it."""

    def process(self, message: Message) -> None:
        """Do nothing. The pipeline does not call this method."""


@runtime_checkable
class TextFeaturizer(Protocol):
    """A component that describes a text by sparse features. Classifiers call it."""

    @property
    def width(self) -> int:
        """The number of features."""

    def text_features(self, message: Message) -> SparseFeatures:
        """Return the indices and the values of a message's features."""


@runtime_checkable
class LocalFeaturizer(TextFeaturizer, Protocol):
    """A text featurizer whose features come from single words. Each word therefore needs to be processed only once.

    Each feature of a word has a weight (`weights`); an unknown feature has the weight `unknown`. The features of a text
    are the features of its words, normalised to the norm 1.
    """

    @property
    def is_local(self) -> bool:
        """Whether, with the configured options, each feature comes from a single word."""

    @property
    def weights(self) -> NDArray[np.float32]:
        """The weight of each feature."""

    @property
    def unknown(self) -> float:
        """The weight of a feature that is not in the training data."""

    def word_lookup(self, word: str) -> tuple[list[int], int]:
        """Return the indices of a word's known features, and the number of its unknown features."""


@runtime_checkable
class WordFeaturizer(Protocol):
    """A component that describes a token by the words around it. Entity extractors call it once for each word."""

    def word_features(self, word: str) -> list[tuple[str, tuple[int, ...]]]:
        """Return the names of a word's features, each with one or more positions.

        A word can describe its own token and the tokens near it. A position is relative to the described token: 0 is
        the token itself, -1 means that the word precedes the token. Only the positions -2 to 2 are used.
        """


@runtime_checkable
class TokenFeaturizer(Protocol):
    """A component that describes each token of a message by named features. Entity extractors call it."""

    def token_features(self, message: Message) -> list[list[tuple[str, float]]]:
        """Return the names and the values of each token's features."""


@dataclass(slots=True)
class Context:
    """The results of earlier components that a component may use.

    Attributes:
        language: `language` in `config.yml`.
        domain: the domain. Empty for an NLU model that was trained without a domain.
        text_featurizers: text featurizers by alias, in the order of the pipeline.
        word_featurizers: word featurizers, in the same form.
        token_featurizers: token featurizers, in the same form.
        vectors: opens the word vectors.
        spacy_model: `model` of the pipeline's SpacyNLP.
        intent_split: separator of the intents of a multi-intent, if the tokenizer is configured to split them.
        models: component → the model that it has loaded for other components.
    """

    language: str | None
    domain: Domain
    vectors: Callable[[], WordVectors]
    text_featurizers: dict[str, TextFeaturizer] = field(default_factory=dict)
    word_featurizers: dict[str, WordFeaturizer] = field(default_factory=dict)
    token_featurizers: dict[str, TokenFeaturizer] = field(default_factory=dict)
    spacy_model: str | None = None
    intent_split: str | None = None
    models: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Training:
    """The input of a component's training.

    Attributes:
        context: the same as at run time.
        data: the project's NLU data.
        examples: the examples that have an intent or entities.
        messages: the examples after the previous components processed them. They have tokens.
        chances: each example's intent probabilities, from a classifier trained without this example. A classifier sets
            the probabilities for the entity extractor that follows it. None: no such classifier has been trained yet.
        tell: function that reports one line about the progress.
        notes: lines to show to the user after the training.
    """

    context: Context
    data: NluData
    examples: Sequence[Example]
    messages: Sequence[Message]
    tell: Callable[[str], None]
    chances: NDArray[np.float32] | None = None
    notes: list[str] = field(default_factory=list)


@runtime_checkable
class Preparing(Protocol):
    """A component whose results later components need for their training: a tokenizer, or a custom featurizer."""

    def process_training(self, training: Training) -> Files:
        """Process the messages of the training data. Return additional files of this component."""


Trainer = Callable[[Json, Training], Files]
Loader = Callable[[Json, Files, Context], Component]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of component.

    Attributes:
        options: the options that have an effect, with their defaults.
        values: allowed values of options. An option that is missing here is a flag.
        ignored: other options of Rasa's component. They are accepted, but have no effect.
        conflict: checks the options together, like `Options.conflict`. It receives defaults, too.
        train: creates the state.
        load: creates the component from its options and state.
        reads: the parts of the training data that determine the component's state, which fingerprints depend on:
            `examples` (texts, intents, entities), `synonyms`, `patterns` (regexes and lookups), `responses`.
        version: a number. Increase it if a code change results in a different state for the same input.
        free: whether the component accepts any option (a custom component).
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

"""What a component of the pipeline is: how it is trained, loaded and run, and what it may ask of its surroundings.

Every module of a component defines `Kind`s; `registry.py` lists them by Rasa's names. A kind's state in the model is a
handful of files, so that a component whose inputs didn't change is taken over from the last model.
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
        """Add to the message what this component makes of it."""


class Idle:
    """A component that does nothing to a message: others ask it when they need it, or it stands for one of ours."""

    def process(self, message: Message) -> None:
        """Do nothing; a pipeline leaves it out."""


@runtime_checkable
class TextFeaturizer(Protocol):
    """A component that describes a whole text by sparse features; classifiers ask it when they need them."""

    @property
    def width(self) -> int:
        """Number of features."""

    def text_features(self, message: Message) -> SparseFeatures:
        """Return indices and values."""


@runtime_checkable
class LocalFeaturizer(TextFeaturizer, Protocol):
    """A text featurizer whose features come from single words, so that each word need be looked at only once.

    A text's features are the `weights` of those of its words, divided by the root of the sum of their squares, in which
    unknown features count with the weight `unknown`.
    """

    @property
    def is_local(self) -> bool:
        """Whether that holds with the options given."""

    @property
    def weights(self) -> NDArray[np.float32]:
        """The weight of each feature."""

    @property
    def unknown(self) -> float:
        """The weight of a feature that was never seen."""

    def word_lookup(self, word: str) -> tuple[list[int], int]:
        """Return the indices of one word's known features, and the number of unknown ones."""


@runtime_checkable
class WordFeaturizer(Protocol):
    """A component that describes a token by single words around it; entity extractors ask it once per word."""

    def word_features(self, word: str) -> list[tuple[str, tuple[int, ...]]]:
        """Return names of features of a word, each with where the word stands, seen from the tokens that it describes.

        -1: the token after the word; 0: the word itself; only -2 to 2 count.
        """


@runtime_checkable
class TokenFeaturizer(Protocol):
    """A component that describes the tokens of a message by names of features; entity extractors ask it."""

    def token_features(self, message: Message) -> list[list[str]]:
        """Return for each token the features that it has."""


@dataclass(slots=True)
class Context:
    """What a component may use of what was loaded before it.

    Attributes:
        language: `language` in `config.yml`.
        domain: the assistant's; empty for an NLU model without one.
        text_featurizers: by alias, in the order of the pipeline.
        word_featurizers: likewise.
        token_featurizers: likewise.
        vectors: opens the word vectors.
        spacy_model: name of the model of the pipeline's SpacyNLP.
        intent_split: what separates the intents of a multi-intent, when the tokenizer says that they are to be learnt
            part by part.
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
    """What a component is trained on.

    Attributes:
        context: as at run time.
        data: the project's NLU data.
        examples: those with an intent, or entities.
        messages: the examples' texts after the components so far: tokens are there.
        chances: probabilities of the intents for each example by a classifier that was trained without it, which a
            classifier leaves for the entity extractor after it; None before.
        tell: reports progress, one line.
        notes: what the user should know after the training, one line each.
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
        options: the options that mean something to us, with their defaults.
        values: what those may be; true or false where the default is, and nothing is said here.
        ignored: further options of Rasa's component, which are accepted and have no effect.
        conflict: see `Options`; is given the defaults, too.
        train: makes the state.
        load: makes the component from its options and state.
        reads: what of the training data it depends on, for fingerprints: `examples` (texts, intents, entities),
            `synonyms`, `patterns` (regexes and lookups), `responses`.
        version: goes up when the same input would train to something else.
        free: takes any option (a component of the project's own).
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
        """What may be given in `config.yml`."""
        flags = {name: FLAG for name, default in self.options.items() if isinstance(default, bool)}
        return Options(
            values={**flags, **self.values, "alias": TEXT},
            ignored=self.ignored,
            conflict=lambda given: self.conflict({**self.options, **given}),
        )

"""Featurizers, which compute the features of a text. Classifiers and extractors call them."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manent.core.config_options import NAMES, SHARE, Values, listed, number, one_of, whole
from manent.core.events import Json
from manent.learn.ngrams import (
    HashedText,
    NgramTable,
    build_table,
    hash_inside,
    hash_ngrams,
    hash_single,
    hash_text,
    hash_word,
    join_words,
)
from manent.nlu.component import Component, Context, Idle, Kind, SparseFeatures, Training
from manent.nlu.files import Files, dump_arrays, load_arrays
from manent.nlu.message import Message

_NUMBER = "0"
"""Replacement for every word that consists of digits."""

_digits = re.compile(r"\d")

NO_FEATURES: SparseFeatures = (np.zeros(0, np.int64), np.zeros(0, np.float32))
"""The features of a text that contains no known feature."""


class CountVectors(Idle):
    """N-grams of words or characters, weighted by rarity."""

    def __init__(self, options: Json, table: NgramTable) -> None:
        self._options = options
        self._analyzer = options["analyzer"]
        self._sizes = int(options["min_ngram"]), int(options["max_ngram"])
        self._table = table
        self._places = table.places() if self.is_local else {}

    @property
    def width(self) -> int:
        """The number of features."""
        return len(self._table.hashes)

    @property
    def is_local(self) -> bool:
        """Whether every n-gram lies within one word."""
        return self._analyzer == "char_wb" or (self._analyzer == "word" and self._sizes == (1, 1))

    @property
    def is_words(self) -> bool:
        """Whether the n-grams consist of words."""
        return bool(self._analyzer == "word")

    @property
    def weights(self) -> NDArray[np.float32]:
        """The weight of each feature."""
        return self._table.weights

    @property
    def unknown(self) -> float:
        """The weight of an n-gram that is not in the training data."""
        return self._table.unknown

    def word_lookup(self, word: str) -> tuple[list[int], int]:
        """Look up the n-grams of one word, as `LocalFeaturizer` requires."""
        if self._options["lowercase"]:
            word = word.lower()
        word = normalise(word, strip_accents=self._options["strip_accents"])
        hashes = [hash_single(hash_word(word))] if self._analyzer == "word" else hash_inside(word, *self._sizes)
        found = [place for place in map(self._places.get, hashes) if place is not None]
        return found, len(hashes) - len(found)

    def text_features(self, message: Message) -> SparseFeatures:
        """Look up the n-grams of the text."""
        hashes = hash_ngrams(hash_words(message, self._options), self._analyzer, *self._sizes)
        return self._table.lookup(hashes)


def hash_words(message: Message, options: Json) -> HashedText:
    """Prepare a message's words for n-grams, normalised by the options.

    Featurizers with equal options share the result.
    """
    key = (bool(options["lowercase"]), options["strip_accents"])
    found = message.hashed.get(key)
    if found is None:
        words = message.lowered if options["lowercase"] else message.words
        if options["strip_accents"] or _digits.search(message.text):
            words = [normalise(word, strip_accents=options["strip_accents"]) for word in words]
        found = message.hashed[key] = hash_text(join_words(words))
    return found


def normalise(word: str, *, strip_accents: str | None = None) -> str:
    """Map equivalent words to the same form: all numbers and, if configured, words that differ only in accents."""
    if word.isdecimal():
        return _NUMBER
    if strip_accents and not word.isascii():
        decomposed = unicodedata.normalize("NFKD", word)
        if strip_accents == "ascii":
            return decomposed.encode("ascii", "ignore").decode()
        return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return word


def _train_count_vectors(options: Json, training: Training) -> Files:
    analyzer: Any = options["analyzer"]
    sizes = int(options["min_ngram"]), int(options["max_ngram"])
    texts = [hash_ngrams(hash_words(message, options), analyzer, *sizes) for message in training.messages]
    table = build_table(texts, min_df=options["min_df"], max_df=options["max_df"], max_features=options["max_features"])
    return {"table.safetensors": dump_table(table)}


def dump_table(table: NgramTable) -> bytes:
    """Write an n-gram table."""
    unknown = np.array([table.unknown], np.float32)
    return dump_arrays({"hashes": table.hashes, "weights": table.weights.astype(np.float16), "unknown": unknown})


def load_table(content: bytes) -> NgramTable:
    """Read an n-gram table."""
    arrays = load_arrays(content)
    return NgramTable(arrays["hashes"], arrays["weights"].astype(np.float32), float(arrays["unknown"][0]))


def _load_count_vectors(options: Json, files: Files, _: Context) -> Component:
    return CountVectors(options, load_table(files["table.safetensors"]))


def load_nothing(_: Json, __: Files, ___: Context) -> Component:
    """Return a component that does not change messages."""
    return Idle()


class LexicalFeatures(Idle):
    """Describes the spelling of the tokens around a token.

    For each position in the window, each property of the token at this position is a feature.
    """

    def __init__(self, windows: Sequence[Sequence[str]]) -> None:
        middle = len(windows) // 2
        places = {
            name: tuple(place - middle for place, names in enumerate(windows) if name in names) for name in _PROPERTIES
        }
        self._properties = [(name, there, _PROPERTIES[name]) for name, there in places.items() if there]

    def word_features(self, word: str) -> list[tuple[str, tuple[int, ...]]]:
        """Return the properties of a word, each with positions, as `WordFeaturizer` requires."""
        values = ((name, places, holds(word)) for name, places, holds in self._properties)
        return [(f"{name}={value}", places) for name, places, value in values if value]


_PROPERTIES: dict[str, Callable[[str], object]] = {
    "low": str.islower,
    "title": str.istitle,
    "upper": str.isupper,
    "digit": str.isdigit,
    "prefix2": lambda word: word[:2],
    "prefix5": lambda word: word[:5],
    "suffix1": lambda word: word[-1:],
    "suffix2": lambda word: word[-2:],
    "suffix3": lambda word: word[-3:],
    "suffix5": lambda word: word[-5:],
}
"""The properties that `features:` can name. `pos` and `pos2` are missing, because they would need spaCy."""

_ALWAYS = frozenset({"BOS", "EOS"})
"""These properties are ignored, because extractors always use the start and the end of a message as features."""

_WINDOWS = [
    ["low", "title", "upper"],
    ["BOS", "EOS", "low", "upper", "title", "digit"],
    ["low", "title", "upper"],
]


def _train_lexical(options: Json, training: Training) -> Files:
    unknown = sorted({name for names in options["features"] for name in names} - set(_PROPERTIES) - _ALWAYS)
    if unknown:
        training.notes.append(f"LexicalSyntacticFeaturizer: the features {', '.join(unknown)} are not supported.")
    return {}


def _load_lexical(options: Json, _: Files, __: Context) -> Component:
    return LexicalFeatures(options["features"])


LEXICAL = Kind(
    load=_load_lexical,
    train=_train_lexical,
    options={"features": _WINDOWS},
    values={"features": Values(expected="a list of lists of names", read=listed(NAMES).read)},
)


def _read_count(value: Any) -> float:
    """Return a number of texts (an int) or a share of the texts (a float): 1 is one text, and 1.0 is all texts."""
    found = number(0).read(value)
    return found if isinstance(found, int) else SHARE.read(found)


_COUNT = Values(expected="a number of texts (2), or a share of them (0.5)", read=_read_count)


def _conflict_of_sizes(options: Json) -> tuple[str, str] | None:
    longest = options["max_ngram"]
    return ("min_ngram", f"a number up to max_ngram, which is {longest}") if options["min_ngram"] > longest else None


COUNT_VECTORS = Kind(
    load=_load_count_vectors,
    train=_train_count_vectors,
    options={
        "analyzer": "word",
        "min_ngram": 1,
        "max_ngram": 1,
        "lowercase": True,
        "strip_accents": None,
        "min_df": 1,
        "max_df": 1.0,
        "max_features": None,
    },
    values={
        "analyzer": one_of("word", "char", "char_wb"),
        "min_ngram": whole(1),
        "max_ngram": whole(1),
        "strip_accents": one_of("ascii", "unicode"),
        "min_df": _COUNT,
        "max_df": _COUNT,
        "max_features": whole(1),
    },
    conflict=_conflict_of_sizes,
    ignored=frozenset({"OOV_token", "OOV_words", "use_shared_vocab", "use_lemma", "stop_words"}),
    reads=("examples",),
)

"""The intent classifier: linear over n-grams and word vectors, with confidences that were checked on held-out examples.

Does the work of DIETClassifier's intents, LogisticRegressionClassifier, SklearnIntentClassifier and
MitieIntentClassifier. Training needs SciPy; a loaded classifier only NumPy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from manent.core.events import Json
from manent.learn.calibration import fit_temperature
from manent.learn.ngrams import NgramTable, build_table, hash_ngrams
from manent.learn.softmax import build_features, fit, out_of_fold, softmax
from manent.nlu.component import Component, Context, Kind, SparseFeatures, TextFeaturizer, Training
from manent.nlu.featurizers import dump_table, hash_words, load_table
from manent.nlu.files import Files, dump_arrays, dump_json, load_arrays, load_json
from manent.nlu.message import Message
from manent.nlu.vectors import WordVectors

FloatArray = NDArray[np.float32]

_VECTOR_WEIGHT = np.float32(2**0.5)
"""How much the word vectors count beside one featurizer; chosen on two public sets with ten examples an intent."""

_ORDER = {"lowercase": True, "strip_accents": None}


class _Words(TextFeaturizer):
    """Words and pairs of words: what a classifier with a transformer sees beyond its featurizers."""

    def __init__(self, table: NgramTable) -> None:
        self.table = table

    @property
    def width(self) -> int:
        return len(self.table.hashes)

    def text_features(self, message: Message) -> SparseFeatures:
        return self.table.lookup(hash_ngrams(hash_words(message, _ORDER), "word", 1, 2))


class _Meta(msgspec.Struct, kw_only=True):
    """What is remembered beside the arrays. `featurizers`: aliases, in the order of their rows."""

    intents: list[str]
    temperature: float
    featurizers: list[str]
    uses_vectors: bool
    retrieval: list[str]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a classifier looks at: sparse featurizers, and the vectors of words."""

    featurizers: tuple[TextFeaturizer, ...]
    vectors: WordVectors | None

    @property
    def width(self) -> int:
        """Number of sparse features."""
        return sum(featurizer.width for featurizer in self.featurizers)

    def sparse(self, message: Message) -> SparseFeatures:
        """Return the features of all featurizers, one after another."""
        indices, values, base = [], [], 0
        for featurizer in self.featurizers:
            here, weights = featurizer.text_features(message)
            indices.append(here + base if base else here)
            values.append(weights)
            base += featurizer.width
        if len(indices) == 1:
            return indices[0], values[0]
        return np.concatenate(indices), np.concatenate(values)

    def dense(self, message: Message) -> FloatArray:
        """Return the text's vector; empty when vectors aren't used."""
        if self.vectors is None:
            return _EMPTY
        return self.vectors.text(message.words) * _VECTOR_WEIGHT


_EMPTY = np.zeros(0, np.float32)


class IntentClassifier:
    """A trained classifier."""

    def __init__(self, options: Json, meta: _Meta, parts: Parts, arrays: dict[str, NDArray[Any]]) -> None:
        self._intents = meta.intents
        self._parts = parts
        self._retrieval = frozenset(meta.retrieval)
        # Folded into the weights once, so that a parse need not multiply.
        factor = np.float32(meta.temperature)
        self._sparse = arrays["sparse"].astype(np.float32) * factor
        self._dense = arrays["dense"].astype(np.float32) * factor
        self._bias = arrays["bias"].astype(np.float32) * factor
        length = int(options.get("ranking_length", 10))
        self._length = min(length, len(self._intents)) if length > 0 else len(self._intents)
        self._renormalise = bool(options.get("renormalize_confidences", False))

    def process(self, message: Message) -> None:
        """Set the intent and the ranking."""
        if not self._intents:
            return
        chances = self.chances(message)
        order = np.argsort(-chances, kind="stable")[: self._length]
        values = chances[order]
        if self._renormalise:
            values = values / values.sum()
        names = [self._intents[index] for index in order.tolist()]
        pairs = zip(names, values.tolist(), strict=True)
        message.intent_ranking = [{"name": name, "confidence": value} for name, value in pairs]
        message.intent = dict(message.intent_ranking[0])
        message.scores["intents"] = chances

    def chances(self, message: Message) -> FloatArray:
        """Return the probability of every intent, in the order of `intents`."""
        indices, values = self._parts.sparse(message)
        scores = values @ self._sparse[indices] + self._bias
        if self._parts.vectors is not None:
            scores += self._parts.dense(message) @ self._dense
        return softmax(scores)


def train_intents(options: Json, training: Training, *, words: bool, vectors: bool) -> dict[str, bytes]:
    """Train a classifier on examples that have an intent.

    Args:
        options: `random_seed`, `iterations` and `penalty` are read.
        training: `chances` is set for the components after this.
        words: add words and pairs of words to the pipeline's featurizers.
        vectors: use word vectors.
    """
    rows = [index for index, example in enumerate(training.examples) if example.intent]
    labels = [training.examples[index].intent.split("/", 1)[0] for index in rows]
    retrieval = sorted({example.intent.split("/", 1)[0] for example in training.examples if "/" in example.intent})
    intents = sorted(set(labels))
    messages = [training.messages[index] for index in rows]
    aliases = list(_chosen(options, training.context))
    files: dict[str, bytes] = {}
    if words or not aliases:
        texts = [hash_ngrams(hash_words(message, _ORDER), "word", 1, 2) for message in messages]
        files["words.safetensors"] = dump_table(build_table(texts))
    parts = _parts(aliases, files, training.context, vectors=vectors)
    seed = options["random_seed"] or 0
    features = build_features(
        [parts.sparse(message) for message in messages],
        parts.width,
        np.array([parts.dense(message) for message in messages], np.float32) if messages and vectors else None,
    )
    target = np.array([intents.index(label) for label in labels], np.int64)
    settings: dict[str, Any] = {"penalty": options["penalty"], "iterations": options["iterations"], "seed": seed}
    temperature = 1.0
    if len(intents) > 1:
        held = out_of_fold(features, target, len(intents), **settings)
        temperature = fit_temperature(held, target)
        training.chances = np.zeros((len(training.examples), len(intents)), np.float32)
        training.chances[rows] = softmax(held * np.float32(temperature))
        model = fit(features, target, len(intents), **settings)
        arrays = {"sparse": model.sparse, "dense": model.dense, "bias": model.bias}
    else:
        # One intent is all there is to choose from, none can't be chosen: no weights needed.
        size = len(intents)
        arrays = {
            "sparse": np.zeros((parts.width, size), np.float32),
            "dense": np.zeros((features.dense.shape[1], size), np.float32),
            "bias": np.zeros(size, np.float32),
        }
    meta = _Meta(
        intents=intents,
        temperature=temperature,
        featurizers=aliases,
        uses_vectors=vectors,
        retrieval=retrieval,
    )
    files["intents.json"] = dump_json(meta)
    files["intents.safetensors"] = dump_arrays({name: array.astype(np.float16) for name, array in arrays.items()})
    return files


def load_intents(options: Json, files: Files, context: Context) -> IntentClassifier:
    """Load what `train_intents` made."""
    meta = load_json(files["intents.json"], _Meta)
    parts = _parts(meta.featurizers, files, context, vectors=meta.uses_vectors)
    return IntentClassifier(options, meta, parts, load_arrays(files["intents.safetensors"]))


def _chosen(options: Json, context: Context) -> Sequence[str]:
    wanted = options.get("featurizers") or list(context.text_featurizers)
    return [alias for alias in context.text_featurizers if alias in wanted]


def _parts(aliases: Sequence[str], files: Files, context: Context, *, vectors: bool) -> Parts:
    featurizers = [context.text_featurizers[alias] for alias in aliases]
    if "words.safetensors" in files:
        featurizers.append(_Words(load_table(files["words.safetensors"])))
    return Parts(tuple(featurizers), context.vectors() if vectors else None)


def _train_logistic(options: Json, training: Training) -> Files:
    strength = float(options["C"]) if "C" in options else 10.0
    settings = {"random_seed": options["random_state"], "iterations": options["max_iter"], "penalty": 1 / strength}
    return train_intents({**options, **settings}, training, words=False, vectors=True)


def _load(options: Json, files: Files, context: Context) -> Component:
    return load_intents(options, files, context)


def _train_sklearn(options: Json, training: Training) -> Files:
    settings = {"random_seed": 0, "iterations": 60, "penalty": 0.1}
    return train_intents({**options, **settings}, training, words=False, vectors=True)


LOGISTIC_REGRESSION = Kind(
    load=_load,
    train=_train_logistic,
    options={"max_iter": 100, "random_state": 42, "ranking_length": 10, "featurizers": []},
    idle=frozenset({"solver", "tol"}),
    reads=("examples",),
)
SKLEARN = Kind(
    load=_load,
    train=_train_sklearn,
    options={"ranking_length": 10, "featurizers": []},
    idle=frozenset({"C", "kernels", "gamma", "max_cross_validation_folds", "scoring_function", "num_threads"}),
    reads=("examples",),
)
MITIE = Kind(load=_load, train=_train_sklearn, idle=frozenset({"num_threads"}), reads=("examples",))

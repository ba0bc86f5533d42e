"""A linear text classifier over n-grams and word vectors, with confidences calibrated on held-out examples.

The intent classifiers and the response selectors use it. Training needs SciPy; a loaded classifier needs only NumPy.
"""

import functools
import math
import operator
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import msgspec
import numpy as np
from numpy.typing import NDArray

from manent.learn.calibration import Profiles, Sureness, fit_sureness, fit_temperature
from manent.learn.confidence import Scale, logistic
from manent.learn.fixed_point import FixedPoint, to_fixed_point
from manent.learn.ngrams import HashedWord, NgramTable, build_table, hash_ngrams, hash_pairs, hash_single, hash_word
from manent.learn.softmax import Features, Softmax, build_features, fit, out_of_fold, softmax
from manent.nlu.component import Context, LocalFeaturizer, SparseFeatures, TextFeaturizer
from manent.nlu.components.featurizers import NO_FEATURES, CountVectors, dump_table, hash_words, load_table, normalise
from manent.nlu.files import Files, dump_arrays, dump_json, load_arrays, load_json
from manent.nlu.message import MAX_WORDS, Message
from manent.nlu.rows import WordRows
from manent.nlu.vectors import SIZE, WordVectors, scale

FloatArray = NDArray[np.float32]

_VECTOR_WEIGHT = np.float32(2**0.5)
"""Weight of the word vectors relative to one featurizer.

It was chosen on two public data sets with ten examples per intent.
"""

_FIRST_WEIGHT = np.float32(0.5)
"""Weight of the first word's vector relative to one featurizer. Decision 029 gives the reasons."""

_FEW_EXAMPLES = 2000
"""Number of examples up to which no sureness (the probability that the classifier is right) is fitted.

With so few examples there are too few wrong answers to fit it: a tenth more of a small assistant's messages would fall
back. The background alone works better.
"""

_MANY_WORDS = np.float32(2.0)
_MANY_VECTORS = np.float32(2**-0.5)
"""Factors for the features of whole words and for a text's vector, if there are more examples than `_FEW_EXAMPLES`.

Decision 020 gives the reasons.
"""

_DOUBT = 0.75
"""Exponent of the product of probability and sureness.

It is less than 1, because both are low for the same messages.
"""

_CACHED_WORDS = 8192
_FREQUENT = 2500

_ORDER = {"lowercase": True, "strip_accents": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Training settings.

    Attributes:
        featurizers: aliases of the featurizers to use. Empty: all featurizers of the pipeline.
        pairs: whether to add pairs of words as features. Pairs provide more information than single words, as a
            transformer does.
        vectors: whether to use the word vectors.
        background: whether to also train on meaningless texts. Nonsense then gets a low confidence for all classes.
        scale: the scale of confidences. None: confidences are calibrated probabilities.
        penalty: L2 penalty on the weights.
        iterations: number of training iterations.
        seed: random seed.
    """

    featurizers: Sequence[str] = ()
    pairs: bool = True
    vectors: bool = True
    background: bool = True
    scale: Scale | None = None
    penalty: float = 0.1
    iterations: int = 60
    seed: int = 0


class _Meta(msgspec.Struct, kw_only=True):
    """The classifier data that are stored in addition to its arrays.

    Attributes:
        temperature: factor of the weights.
        sureness: the curve of a `Sureness`. None: there were too few examples to fit the curve.
        scale: the scale of confidences. None: confidences are calibrated probabilities.
        featurizers: aliases, in the order of their rows.
        frequent: words whose rows are in the model.
    """

    labels: list[str]
    temperature: float
    sureness: tuple[float, float, float] | None
    scale: Scale | None = None
    featurizers: list[str]
    vectors: bool
    frequent: list[str]


class _Pairs(TextFeaturizer):
    """Features for pairs of words. They include single words if no featurizer in the pipeline provides them."""

    def __init__(self, table: NgramTable, smallest: int) -> None:
        self._table = table
        self._smallest = smallest
        self._places = table.places()
        self._weights: list[float] = table.weights.tolist()
        self._word = functools.lru_cache(maxsize=_CACHED_WORDS)(_prepare_word)

    @property
    def width(self) -> int:
        return len(self._table.hashes)

    def prepare(self, words: Sequence[str]) -> None:
        """Hash the words when the model is loaded (3 µs each), so that no message waits for a hash."""
        for word in words:
            self._word(word.lower())

    def text_features(self, message: Message) -> SparseFeatures:
        words = [*map(self._word, message.lowered[:MAX_WORDS])]
        hashes = [hash_single(word) for word in words] if self._smallest == 1 else []
        hashes += hash_pairs(words)
        known = [place for place in map(self._places.get, hashes) if place is not None]
        if not known:
            return NO_FEATURES
        values = [*map(self._weights.__getitem__, known)]
        square = sum(map(operator.mul, values, values)) + (len(hashes) - len(known)) * self._table.unknown**2
        norm = 1.0 / math.sqrt(square)
        return np.array(known), np.array([value * norm for value in values], np.float32)


def _prepare_word(word: str) -> HashedWord:
    return hash_word(normalise(word))


@dataclass(frozen=True, slots=True)
class _Parts:
    """Provides the inputs of a classifier: the features of sparse featurizers, and the vectors of words."""

    featurizers: tuple[TextFeaturizer, ...]
    vectors: WordVectors | None

    @property
    def width(self) -> int:
        return sum(featurizer.width for featurizer in self.featurizers)

    def sparse(self, message: Message) -> SparseFeatures:
        """Return the features of all featurizers, concatenated."""
        indices, values, base = [], [], 0
        for featurizer in self.featurizers:
            here, weights = featurizer.text_features(message)
            indices.append(here + base if base else here)
            values.append(weights)
            base += featurizer.width
        return np.concatenate(indices), np.concatenate(values)

    def dense(self, message: Message) -> FloatArray:
        """Return the vectors of the text and of its first word. Return an empty array if vectors are not used."""
        if self.vectors is None:
            return _EMPTY
        first = scale(self.vectors.word(message.words[0])) if message.words else np.zeros(SIZE, np.float32)
        return np.concatenate([self.vectors.text(message.words) * _VECTOR_WEIGHT, first * _FIRST_WEIGHT])


_EMPTY = np.zeros(0, np.float32)
_LEAST = 1e-12


class TextClassifier:
    """A trained classifier. `labels` are its classes."""

    def __init__(
        self, meta: _Meta, parts: _Parts, arrays: Mapping[str, NDArray[Any]], rows: NDArray[Any] | None = None
    ) -> None:
        self.labels = meta.labels
        self._count = len(meta.labels)
        # The weights stay integers, as in the model, because rows are rarely computed.
        self._sparse = FixedPoint(arrays["sparse"], float(arrays["unit"][0]))
        # Every message needs confidences, so the weights are scaled in advance.
        sharpness = meta.temperature if meta.scale is None else meta.scale.sharpness_of(self._count)
        factor = np.float32(sharpness)
        self._calibration = np.float32(meta.temperature / sharpness)
        self._unit = np.float32(self._sparse.unit * sharpness)
        self._scale = meta.scale
        if meta.scale is not None:
            self._slope = meta.scale.slope / sharpness
            self._middle = meta.scale.middle_of(self._count) * sharpness
        self._sureness = None
        if meta.sureness is not None:
            self._sureness = Sureness(meta.sureness, Profiles(arrays["profiles"], arrays["spread"]))
        self._vectors = parts.vectors
        dense = arrays["dense"].astype(np.float32)
        self._dense = dense[:SIZE] * (factor * _VECTOR_WEIGHT)
        self._first = dense[SIZE:] * (factor * _FIRST_WEIGHT)
        self._bias = arrays["bias"].astype(np.float32) * factor
        # Each featurizer and the index of its first feature. Local featurizers come first.
        self._local: list[tuple[LocalFeaturizer, int]] = []
        self._others: list[tuple[TextFeaturizer, int]] = []
        base = 0
        for featurizer in parts.featurizers:
            if _is_local(featurizer):
                self._local.append((featurizer, base))
            else:
                self._others.append((featurizer, base))
            base += featurizer.width
        # A word's row has five parts: its scores from each local featurizer, its scores from its vector, the squared
        # norms that normalise these scores for the whole text, its scores as the first word, and its vector (for the
        # text's norm).
        self._blocks = len(self._local) + (self._vectors is not None)
        self._scored = self._blocks * len(self._bias)
        self._normed = self._scored + len(self._local)
        self._width = self._normed + (len(self._bias) + SIZE if self._vectors is not None else 0)
        weights = [featurizer.weights for featurizer, _ in self._local]
        self._weights = np.concatenate(weights) if weights else _EMPTY
        first = meta.frequent if rows is not None else ()
        self._rows = WordRows(np.zeros(self._width, np.float32), self._describe, first=first, rows=rows)

    def rank(self, message: Message, length: int) -> tuple[list[tuple[str, float]], FloatArray]:
        """Classify a message.

        Returns:
            The likeliest labels with their confidences, best first, and the scores of all labels in the order of
            `labels`. The best label has the score 0. If the model has a background class, its score is the last one.
        """
        scores, count = self._score(message), self._count
        order = (-scores[:count]).argsort(kind="stable")[:length].tolist()
        scores = scores - scores[order[0]]
        if self._scale is None:
            values, factor = self.chances(scores).tolist(), 1.0
        else:
            shares = np.exp(scores[:count])
            factor = 1.0 / float(np.add.reduce(shares))
            if not message.text:  # Rasa does not recognise an intent in an empty message, either
                factor = 0.0
            elif len(scores) > count:
                factor *= logistic(-self._slope * (float(scores[count]) + self._middle))
            values = shares.tolist()
        labels = self.labels
        return [(labels[place], values[place] * factor) for place in order], scores

    def _score(self, message: Message) -> FloatArray:
        words = message.words[:MAX_WORDS]
        scores = self._bias
        if words and self._blocks:
            rows = self._rows.take(words, self._describe)
            total = np.add.reduce(rows)
            squares = total[self._scored : self._normed].tolist()
            if self._vectors is not None:
                vector = total[-SIZE:]
                squares.append(float(vector @ vector))
                scores = scores + rows[0, self._normed : -SIZE]
            norms = np.array([1.0 / math.sqrt(square) if square > 0 else 0.0 for square in squares], np.float32)
            scores = scores + norms @ total[: self._scored].reshape(self._blocks, -1)
        for featurizer, base in self._others:
            indices, values = featurizer.text_features(message)
            if len(indices):
                scores = scores + (values * self._unit) @ self._sparse.rows(indices + base)
        return scores

    def odds(self, scores: FloatArray) -> FloatArray:
        """Return the probability of every label divided by the probability of the best label."""
        odds: FloatArray = np.exp(scores[: self._count] * self._calibration)
        return odds

    def chances(self, scores: FloatArray) -> FloatArray:
        """Return the calibrated probability of every label.

        One minus the sum of the probabilities is the probability that no label is right.
        """
        calibrated = scores * self._calibration
        chances = softmax(calibrated)[: self._count]
        if self._sureness is not None:
            best = max(float(np.maximum.reduce(chances)), _LEAST)
            # This division does not change the ratios of the probabilities.
            chances *= np.float32((best * self._sureness.of(calibrated)) ** _DOUBT / best)
        return chances

    def word_rows(self, words: Sequence[str]) -> NDArray[np.float16]:
        """Return the rows of some words, for the model."""
        return self._rows.take(words, self._describe).astype(np.float16)

    def _describe(self, word: str) -> FloatArray:
        """Return a word's row."""
        found = [(featurizer.word_lookup(word), featurizer.unknown, base) for featurizer, base in self._local]
        places = [place + base for (known, _), _, base in found for place in known]
        weights = self._weights.take(places)
        row = np.empty(self._width, np.float32)
        scores = row[: self._scored].reshape(self._blocks, -1)
        squares, done = [], 0
        # One row of weights per featurizer, so that one product returns all scores.
        chosen = np.zeros((len(found), len(places)), np.float32)
        for number, ((known, unknown), weight, _) in enumerate(found):
            own = chosen[number, done : done + len(known)] = weights[done : done + len(known)]
            squares.append(float(own @ own) + unknown * weight**2)
            done += len(known)
        np.matmul(chosen, self._sparse.rows(places), out=scores[: len(found)])
        scores[: len(found)] *= self._unit
        row[self._scored : self._normed] = squares
        if self._vectors is not None:
            vector = self._vectors.word(word)
            np.matmul(vector, self._dense, out=scores[-1])
            np.matmul(scale(vector), self._first, out=row[self._normed : -SIZE])
            row[-SIZE:] = vector
        return row


def train_classifier(
    messages: Sequence[Message], names: Sequence[str], context: Context, settings: Settings
) -> tuple[dict[str, bytes], FloatArray]:
    """Train a classifier.

    Args:
        messages: tokenised examples.
        names: labels of the examples.
        context: provides the featurizers and vectors.
        settings: training settings.

    Returns:
        The files of the classifier, and (examples, labels) probabilities. Each example's probabilities come from a
        model trained without this example.
    """
    labels = sorted(set(names))
    aliases = [alias for alias in context.text_featurizers if not settings.featurizers or alias in settings.featurizers]
    files: dict[str, bytes] = {}
    if settings.pairs or not aliases:
        smallest = _smallest(aliases)
        texts = [hash_ngrams(hash_words(message, _ORDER), "word", smallest, 2) for message in messages]
        files["pairs.safetensors"] = dump_table(build_table(texts))
    parts = _find_parts(aliases, files, context, vectors=settings.vectors)
    target = np.array([labels.index(name) for name in names], np.int64)
    classes, examples = len(labels), list(messages)
    if settings.background and settings.vectors and labels:
        examples += background_messages(messages, classes, context.vectors(), settings.seed)
        target = np.concatenate([target, np.full(len(examples) - len(messages), classes)])
        classes += 1
    dense = None
    if settings.vectors:  # the shape is explicit, because there may be no examples
        dense = np.array([parts.dense(message) for message in examples], np.float32).reshape(-1, 2 * SIZE)
    features = build_features([parts.sparse(message) for message in examples], parts.width, dense)
    factors = _emphasis(parts) if len(messages) > _FEW_EXAMPLES else None
    if factors is not None:
        features = _emphasise(features, *factors)
    how: dict[str, Any] = {"penalty": settings.penalty, "iterations": settings.iterations, "seed": settings.seed}
    sureness = None
    if classes > 1:
        held = out_of_fold(features, target, classes, **how)[: len(messages)]
        temperature = fit_temperature(held, target[: len(messages)])
        held *= np.float32(temperature)
        if classes > len(labels) and len(messages) > _FEW_EXAMPLES:
            sureness = fit_sureness(held, target[: len(messages)], len(labels))
        chances = softmax(held)[:, : len(labels)]
        model = fit(features, target, classes, **how)
        if factors is not None:
            model = _emphasised(model, *factors)
        arrays = {"sparse": model.sparse, "dense": model.dense, "bias": model.bias}
    else:
        temperature, chances = 1.0, np.ones((len(messages), classes), np.float32)
        shapes = {"sparse": (parts.width, classes), "dense": (features.dense.shape[1], classes), "bias": (classes,)}
        arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    meta = _Meta(
        labels=labels,
        temperature=temperature,
        sureness=None if sureness is None else sureness.curve,
        scale=settings.scale,
        featurizers=aliases,
        vectors=settings.vectors,
        frequent=list_frequent(messages),
    )
    files["classifier.json"] = dump_json(meta)
    sparse = to_fixed_point(arrays["sparse"])
    packed: dict[str, NDArray[Any]] = {
        "sparse": sparse.numbers,
        "unit": np.array([sparse.unit], np.float32),
        "dense": arrays["dense"].astype(np.float16),
        "bias": arrays["bias"].astype(np.float16),
    }
    if sureness is not None:
        packed |= {"profiles": sureness.profiles.means, "spread": sureness.profiles.spread}
    files["classifier.safetensors"] = dump_arrays(packed)
    rows = TextClassifier(meta, parts, packed).word_rows(meta.frequent)
    files["word_scores.safetensors"] = dump_arrays({"rows": rows})
    return files, chances


def _emphasis(parts: _Parts) -> tuple[FloatArray, FloatArray]:
    """Return a factor for each sparse and each dense feature. The factors are used if there are many examples."""
    sparse = [
        np.full(part.width, _MANY_WORDS if isinstance(part, CountVectors) and part.is_words else 1, np.float32)
        for part in parts.featurizers
    ]
    dense = np.repeat(np.array([_MANY_VECTORS, 1], np.float32), SIZE) if parts.vectors is not None else _EMPTY
    return np.concatenate(sparse) if sparse else _EMPTY, dense


def _emphasise(features: Features, sparse: FloatArray, dense: FloatArray) -> Features:
    weighed = features.sparse.copy()
    weighed.data *= sparse[weighed.indices]
    return Features(weighed, features.dense * dense)


def _emphasised(model: Softmax, sparse: FloatArray, dense: FloatArray) -> Softmax:
    """Return a model that contains the factors of the features.

    For plain features, its scores are the same as those of `model` for features multiplied by the factors.
    """
    return Softmax(model.sparse * sparse[:, None], model.dense * dense[:, None], model.bias)


def list_frequent(messages: Sequence[Message]) -> list[str]:
    """Return the most frequent words, whose rows are stored in the model."""
    counts = Counter(word for message in messages for word in message.words)
    return [word for word, _ in counts.most_common(_FREQUENT)]


def load_classifier(files: Files, context: Context) -> TextClassifier:
    """Load the files of `train_classifier`."""
    meta = load_json(files["classifier.json"], _Meta)
    parts = _find_parts(meta.featurizers, files, context, vectors=meta.vectors, frequent=meta.frequent)
    rows = load_arrays(files["word_scores.safetensors"])["rows"]
    return TextClassifier(meta, parts, load_arrays(files["classifier.safetensors"]), rows)


def _smallest(aliases: Sequence[str]) -> int:
    return 2 if aliases else 1


def _find_parts(
    aliases: Sequence[str], files: Files, context: Context, *, vectors: bool, frequent: Sequence[str] = ()
) -> _Parts:
    featurizers = [context.text_featurizers[alias] for alias in aliases]
    if "pairs.safetensors" in files:
        pairs = _Pairs(load_table(files["pairs.safetensors"]), _smallest(aliases))
        pairs.prepare(frequent)
        featurizers.append(pairs)
    featurizers.sort(key=_is_local, reverse=True)
    return _Parts(tuple(featurizers), context.vectors() if vectors else None)


def _is_local(featurizer: TextFeaturizer) -> TypeGuard[LocalFeaturizer]:
    return isinstance(featurizer, LocalFeaturizer) and featurizer.is_local


_BACKGROUND_SHARE = 1
"""Number of background examples, as a multiple of the average number of examples per class.

With fewer, the classifier accepts nonsense. With more, it rejects new but valid messages. For a small assistant, 39 %
of the held-out messages fell back with a multiple of four, 17 % with one, and 11 % with none.
"""

_FEWEST, _MOST = 8, 400


def background_messages(messages: Sequence[Message], classes: int, vectors: WordVectors, seed: int) -> list[Message]:
    """Return meaningless examples: random words, random letters, words in other scripts.

    Args:
        messages: the real examples. The meaningless examples use neither the words nor the letters of these texts.
        classes: number of real classes.
        vectors: the source of the random words.
        seed: the same seed gives the same examples.
    """
    count = max(_FEWEST, min(_MOST, _BACKGROUND_SHARE * len(messages) // max(classes, 1)))
    known = {word.lower() for message in messages for word in message.words}
    letters = {letter for word in known for letter in word if letter.isalpha()}
    words, foreign = vectors.vocabulary()
    plain = [word for word in words if word not in known]
    strange = [word for word in foreign if not letters.issuperset(word)]
    alphabet = sorted(letters) or list("abcdefghijklmnopqrstuvwxyz")
    draw = random.Random(seed)  # noqa: S311  # not used for secrets
    made = []
    for index in range(count):
        length = draw.randint(1, 7)
        if index % 3 == 0:
            chosen = draw.choices(plain, k=length)
        elif index % 3 == 1:
            chosen = ["".join(draw.choices(alphabet, k=draw.randint(2, 9))) for _ in range(1 + length // 3)]
        else:
            chosen = draw.choices(strange, k=length)
        made.append(join_words(chosen))
    return made


def join_words(words: Sequence[str]) -> Message:
    """Return a message with these words as tokens."""
    message = Message(" ".join(words))
    place, tokens = 0, []
    for word in words:
        tokens.append((place, place + len(word)))
        place += len(word) + 1
    message.set_tokens(tokens)
    return message

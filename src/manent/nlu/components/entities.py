"""The entity extractor of DIETClassifier and CRFEntityExtractor: a conditional random field over the tokens.

A token is described by its word (spelling, affixes, shape, meaning) and by the words around it. The scores that depend
on only one word are computed once per word and cached. Parsing a message therefore only adds a few rows.
"""

import functools
import itertools
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from manent.core.events import Json
from manent.learn.chain import Chain, Decoder, Sentences, Shared, fit_chain
from manent.learn.fixed_point import FixedPoint, to_fixed_point
from manent.nlu.classifier import list_frequent
from manent.nlu.component import Context, Training
from manent.nlu.files import Arrays, Files, dump_arrays, dump_json, load_arrays, load_json
from manent.nlu.message import MAX_WORDS, Message
from manent.nlu.rows import WordRows
from manent.nlu.spans import OUTSIDE, find_constraints, read_spans, tag_tokens
from manent.nlu.vectors import SIZE, WordVectors, scale

FloatArray = NDArray[np.float32]

_OFFSETS = (0, -1, 1, -2, 2)
_FEW_SENTENCES = 1500
_MANY_PASSES, _FEW_PASSES = 15, 8
_SMALL_BATCH, _LARGE_BATCH = 8, 64
_RARE_FROM = 20_000
"""Number of training tokens from which features that occur only once are dropped."""

_repeated = re.compile(r"(.)\1+")


class Labels(msgspec.Struct, kw_only=True):
    """The extractor data that are stored in addition to its arrays.

    Attributes:
        names: the tags (`spans.py` explains them).
        bilou: whether tags distinguish the first, inner, last and only token of a span.
        intents: number of intents whose probabilities the model uses.
        split: the option `split_entities_by_comma`.
        frequent: words whose rows are in the model.
    """

    names: list[str]
    bilou: bool
    intents: int
    split: Any
    frequent: list[str] = []


class EntityExtractor:
    """A trained extractor."""

    def __init__(
        self,
        *,
        name: str,
        labels: Labels,
        atoms: dict[str, int],
        chain: Chain,
        sparse: FixedPoint,
        rows: FloatArray | None,
        vectors: WordVectors,
        context: Context,
    ) -> None:
        """Create an extractor.

        Args:
            name: value of `extractor` in its entities.
            labels: the tags.
            atoms: name of a feature → its index in `sparse`.
            chain: the model without its sparse weights.
            sparse: the sparse weights: (features, tags).
            rows: rows of the frequent words. None: not computed yet.
            vectors: the word vectors.
            context: context of the pipeline.
        """
        self._name = name
        self._labels = labels
        self._atoms = atoms
        self._decoder = Decoder(chain)
        # The weights of a word's vector for its own token, for the next token and for the previous token, side by side.
        parts = [chain.dense[part * SIZE : (part + 1) * SIZE] for part in range(3)]
        weights = (1, _CONTEXT_WEIGHT, _CONTEXT_WEIGHT)
        self._meaning = np.hstack([part * np.float32(weight) for part, weight in zip(parts, weights, strict=True)])
        self._intent_scores = chain.dense[3 * SIZE :] * _INTENT_WEIGHT
        self._context = context
        self._vectors = vectors
        self._tags = labels.names
        # The last row is for unknown features.
        nothing = np.zeros((1, len(self._tags)), np.int16)
        self._sparse = FixedPoint(np.concatenate([sparse.numbers, nothing]), sparse.unit)
        self._places = _sort_atoms(atoms)
        edge = np.concatenate([self._row(f"{offset}:{_EDGE}") for offset in _OFFSETS])
        self._rows = WordRows(edge, self._describe, first=labels.frequent if rows is not None else (), rows=rows)
        # A pair of adjacent words has one feature for its second word and one for its first word.
        self._pairs = {
            tuple(name[1:].split(" ")): (row, atoms[f">{name[1:]}"])
            for name, row in atoms.items()
            if name.startswith("<") and f">{name[1:]}" in atoms
        }

    def process(self, message: Message) -> None:
        """Add the entities."""
        if len(self._tags) < 2 or not message.words:  # noqa: PLR2004  # only the tag `O`
            return
        emissions = self._score(message)
        path = self._decoder.decode(emissions)
        if not any(path):
            return
        sure = self._decoder.confidences(emissions, path)
        message.entities += self._entities(message, [self._tags[index] for index in path], sure)

    def _score(self, message: Message) -> FloatArray:
        words = message.words[:MAX_WORDS]
        # For each token, the row indices of the token itself, of the two words before it and of the two words after it.
        step = len(_OFFSETS)
        rows = np.array([0, 0, *self._rows.find(words, self._describe), 0, 0]).take(_AROUND[: len(words)])
        rows *= step
        rows += _STEPS
        emissions: FloatArray = np.add.reduce(self._rows.array.reshape(-1, len(self._tags)).take(rows, axis=0), axis=1)
        self._add_pairs(message.lowered[: len(words)], emissions)
        for featurizer in self._context.token_featurizers.values():
            for place, features in enumerate(featurizer.token_features(message)[: len(words)]):
                if features:
                    rows = self._sparse.rows([self._atoms.get(name, -1) for name, _ in features])
                    values = np.array([value for _, value in features], np.float32)
                    emissions[place] += values @ rows * np.float32(self._sparse.unit)
        classifier = message.classifier
        if classifier is not None and len(classifier.labels) == self._labels.intents:
            odds = classifier.odds(message.scores)
            emissions += (odds / np.add.reduce(odds)) @ self._intent_scores
        emissions[:, 0] -= _EAGERNESS
        return emissions

    def _add_pairs(self, words: Sequence[str], emissions: FloatArray) -> None:
        """Add the scores of each pair of adjacent words to both words in the pair."""
        pairs = [*map(self._pairs.get, itertools.pairwise(words), itertools.repeat(_NO_PAIR))]
        if pairs.count(_NO_PAIR) < len(pairs):
            seconds, firsts = zip(*pairs, strict=True)
            scores = self._sparse.rows([*seconds, *firsts])
            scores *= np.float32(self._sparse.unit)
            emissions[1:] += scores[: len(pairs)]
            emissions[:-1] += scores[len(pairs) :]

    def word_rows(self, words: Sequence[str]) -> FloatArray:
        """Return the rows of some words, for the model."""
        return self._rows.take(words, self._describe)

    def _describe(self, word: str) -> FloatArray:
        """Return a word's row: its scores for its own token and for the tokens near it, (offsets * tags,)."""
        size = len(self._tags)
        places = self._places
        found = [atom for name, _ in _describe_word(word, self._context) for atom in places.get(name, ())]
        # A single matrix product adds the rows for each offset. One matrix product takes half as long as five sums, and
        # is just as exact because all terms are integers.
        scores = _SLOTS.take([slot for slot, _ in found], axis=1) @ self._sparse.rows([row for _, row in found])
        scores *= np.float32(self._sparse.unit)
        described: FloatArray = scores.ravel()
        described[: 3 * size] += scale(self._vectors.word(word)) @ self._meaning
        return described

    def _row(self, name: str) -> FloatArray:
        row: FloatArray = self._sparse.rows([self._atoms.get(name, -1)])[0] * np.float32(self._sparse.unit)
        return row

    def _entities(self, message: Message, path: Sequence[str], sure: Sequence[float]) -> list[Json]:
        tokens = message.tokens or []
        entities: list[Json] = []
        for span in read_spans(path, message.text, tokens, self._labels.split):
            start, end = tokens[span.first][0], tokens[span.last - 1][1]
            confidence = sum(sure[span.first : span.last]) / (span.last - span.first)
            for entity, role, group in span.labels:
                found: Json = {"entity": entity, "start": start, "end": end, "confidence_entity": confidence}
                if role:
                    found |= {"role": role, "confidence_role": confidence}
                if group:
                    found |= {"group": group, "confidence_group": confidence}
                entities.append({**found, "value": message.text[start:end], "extractor": self._name})
        return entities


_CONTEXT_WEIGHT = 0.5
_INTENT_WEIGHT = np.float32(3)
"""Weights of the vectors of adjacent words, and of the intent, relative to the vector of the token itself.

They were chosen on two public data sets.
"""

_EAGERNESS = np.float32(0.5)
"""Number (in nats) that is subtracted from the score of "no entity".

Annotators miss entities more often than they mark wrong ones, so this improves F1 by 1 point.
"""


_AROUND = np.arange(2, MAX_WORDS + 2)[:, None] + _OFFSETS
"""Return for each token the indices of the words at `_OFFSETS`.

The message is padded with two positions on both sides.
"""

_STEPS = np.arange(len(_OFFSETS))

_EDGE = "EDGE"
_NO_PAIR = (-1, -1)


def _describe_word(word: str, context: Context) -> list[tuple[str, tuple[int, ...]]]:
    """Return the features of a word.

    Each feature has the word's positions relative to the tokens that the feature describes.
    """
    low = word.lower()
    features = [
        (f"w={low}", _ALL_PLACES),
        (f"S={_shape(word)}", _NEAR),
        (f"s3={low[-3:]}", _NEAR),
        (f"p3={low[:3]}", _NEAR),
        (f"p2={low[:2]}", _HERE),
        (f"p5={low[:5]}", _HERE),
        (f"s2={low[-2:]}", _HERE),
        (f"s4={low[-4:]}", _HERE),
    ]
    for featurizer in context.word_featurizers.values():
        features += featurizer.word_features(word)
    return features


_SLOTS = np.eye(len(_OFFSETS), dtype=np.float32)
_ALL_PLACES, _NEAR, _HERE = _OFFSETS, _OFFSETS[:3], _OFFSETS[:1]


def _sort_atoms(atoms: Mapping[str, int]) -> dict[str, list[tuple[int, int]]]:
    """Return the weights of a word's features as pairs: index of an offset, row of the weight matrix."""
    slots = {str(offset): slot for slot, offset in enumerate(_OFFSETS)}
    found: dict[str, list[tuple[int, int]]] = {}
    for atom, row in atoms.items():
        offset, _, name = atom.partition(":")
        slot = slots.get(offset)
        if slot is not None:
            found.setdefault(name, []).append((slot, row))
    return found


def _shape(word: str) -> str:
    """Return the kinds of characters in a word: `Xx`, `d.d`, `X-d`."""
    if word.islower() and word.isalpha():
        return "x"
    kinds = [
        "X" if sign.isupper() else "x" if sign.isalpha() else "d" if sign.isdecimal() else sign for sign in word[:32]
    ]
    return _repeated.sub(r"\1", "".join(kinds))


def _message_atoms(
    message: Message, context: Context, describe: Callable[[str], Sequence[tuple[str, ...]]]
) -> list[tuple[list[str], list[float]]]:
    """Return the names and the values of all features of all tokens, for training.

    `EntityExtractor` uses the same features for parsing.

    Args:
        message: an example.
        context: provides the token featurizers.
        describe: returns the features of a word for each of `_OFFSETS`.
    """
    count = len(message.words)
    lowered = message.lowered
    described = [describe(word) for word in message.words]
    featurizers = [featurizer.token_features(message) for featurizer in context.token_featurizers.values()]
    rows = []
    for place in range(count):
        atoms: list[str] = []
        for slot, offset in enumerate(_OFFSETS):
            there = place + offset
            if 0 <= there < count:
                atoms += described[there][slot]
            else:
                atoms.append(f"{offset}:{_EDGE}")
        if place:
            atoms.append(f"<{lowered[place - 1]} {lowered[place]}")
        if place + 1 < count:
            atoms.append(f">{lowered[place]} {lowered[place + 1]}")
        values = [1.0] * len(atoms)
        for features in featurizers:
            for name, value in features[place]:
                atoms.append(name)
                values.append(value)
        rows.append((atoms, values))
    return rows


def _word_atoms(word: str, context: Context) -> list[tuple[str, ...]]:
    features = _describe_word(word, context)
    return [tuple(f"{offset}:{name}" for name, offsets in features if offset in offsets) for offset in _OFFSETS]


def _share_features(messages: Sequence[Message], vectors: WordVectors, chances: FloatArray) -> list[Shared]:
    """Return the dense features of all tokens.

    The features are the vectors of the token's word and the adjacent words, and the probabilities of the message's
    intents.

    Args:
        messages: the examples.
        vectors: the word vectors.
        chances: (examples, intents).
    """
    words = [word for message in messages for word in message.words]
    known = {word: place for place, word in enumerate(dict.fromkeys(words))}
    units = vectors.words(list(known))
    own = np.array([known[word] for word in words], np.int64)
    lengths = np.array([len(message.words) for message in messages])
    ends = np.cumsum(lengths)
    before, after = np.roll(own, 1), np.roll(own, -1)
    before[ends - lengths] = -1
    after[ends - 1] = -1
    context = units * np.float32(_CONTEXT_WEIGHT)
    subjects = np.repeat(np.arange(len(messages)), lengths)
    return [
        Shared(units, own),
        Shared(context, before),
        Shared(context, after),
        Shared(chances * _INTENT_WEIGHT, subjects),
    ]


def train_entities(options: Json, training: Training, *, use_intents: bool) -> dict[str, bytes]:
    """Train an extractor on the annotated examples.

    Args:
        options: options of the component; `BILOU_flag`, `random_seed` and `split_entities_by_comma` are used.
        training: the training data.
        use_intents: whether to use the intent probabilities (`training.chances`) as features, if there are any.
    """
    from scipy.sparse import csr_matrix

    bilou = bool(options["BILOU_flag"])
    pairs = [
        (index, message)
        for index, message in enumerate(training.messages)
        if message.words and message.tokens is not None
    ]
    annotated = any(training.examples[index].entities for index, _ in pairs)
    chances = training.chances if use_intents else None
    width = chances.shape[1] if chances is not None else 0
    if not annotated:
        labels = Labels(names=[OUTSIDE], bilou=bilou, intents=width, split=options["split_entities_by_comma"])
        return {"labels.json": dump_json(labels)}
    vectors = training.context.vectors()
    tagged = [
        tag_tokens(message.tokens or (), training.examples[index].entities, bilou=bilou) for index, message in pairs
    ]
    names = [OUTSIDE, *sorted({tag for tags in tagged for tag in tags} - {OUTSIDE})]
    number = {name: index for index, name in enumerate(names)}
    describe = functools.cache(functools.partial(_word_atoms, context=training.context))
    rows = [row for _, message in pairs for row in _message_atoms(message, training.context, describe)]
    counts = Counter(atom for atoms, _ in rows for atom in atoms)
    least = 2 if len(rows) >= _RARE_FROM else 1
    atoms = {atom: index for index, atom in enumerate(atom for atom, count in counts.items() if count >= least)}
    found = [[atoms[atom] for atom in names_ if atom in atoms] for names_, _ in rows]
    ends = np.cumsum([0, *map(len, found)])
    indices = np.array([index for row in found for index in row], np.int64)
    values = [value for each, all_values in rows for atom, value in zip(each, all_values, strict=True) if atom in atoms]
    numbers = [index for index, _ in pairs]
    known = np.zeros((len(pairs), 0), np.float32) if chances is None else chances[numbers]
    dense = _share_features([message for _, message in pairs], vectors, known)
    data = Sentences(
        sparse=csr_matrix((np.array(values, np.float32), indices, ends), shape=(len(rows), len(atoms))),
        dense=dense,
        tags=np.array([number[tag] for tags in tagged for tag in tags], np.int64),
        lengths=np.array([len(tags) for tags in tagged], np.int64),
    )
    allowed, start, end = find_constraints(names, bilou=bilou)
    chain = fit_chain(
        data,
        len(names),
        allowed=allowed,
        allowed_start=start,
        allowed_end=end,
        epochs=_MANY_PASSES if len(pairs) < _FEW_SENTENCES else _FEW_PASSES,
        batch=_batch_size(len(pairs)),
        penalty=0.05,
        seed=options["random_seed"] or 0,
    )
    labels = Labels(
        names=names,
        bilou=bilou,
        intents=width,
        split=options["split_entities_by_comma"],
        frequent=list_frequent(training.messages),
    )
    sparse = to_fixed_point(chain.sparse)
    arrays: dict[str, NDArray[Any]] = {
        "sparse": sparse.numbers,
        "unit": np.array([sparse.unit], np.float32),
        "dense": chain.dense.astype(np.float16),
        "transitions": chain.transitions,
        "start": chain.start,
        "end": chain.end,
    }
    extractor = _make_extractor("", labels, training.context, atoms=atoms, arrays=arrays, rows=None)
    kept = to_fixed_point(extractor.word_rows(labels.frequent))
    return {
        "labels.json": dump_json(labels),
        "atoms.json": dump_json(list(atoms)),
        "chain.safetensors": dump_arrays(arrays),
        "word_tags.safetensors": dump_arrays({"rows": kept.numbers, "unit": np.array([kept.unit], np.float32)}),
    }


def _batch_size(sentences: int) -> int:
    """Return a batch size.

    Small batches learn more from few sentences, and large batches are faster for many sentences.
    """
    return max(_SMALL_BATCH, min(_LARGE_BATCH, sentences // 150))


def load_entities(name: str, files: Files, context: Context) -> EntityExtractor:
    """Load the files that `train_entities` returned. `name` becomes the value of `extractor` in its entities."""
    labels = load_json(files["labels.json"], Labels)
    if "chain.safetensors" not in files:
        nothing = {"sparse": (0, 1), "dense": (0, 1), "transitions": (1, 1), "start": (1,), "end": (1,)}
        arrays = {part: np.zeros(shape, np.int16) for part, shape in nothing.items()}
        return _make_extractor(name, labels, context, atoms={}, arrays={**arrays, "unit": np.ones(1)}, rows=None)
    atoms = {atom: index for index, atom in enumerate(load_json(files["atoms.json"], list[str]))}
    kept = load_arrays(files["word_tags.safetensors"])
    rows = kept["rows"] * np.float32(kept["unit"][0])
    arrays = load_arrays(files["chain.safetensors"])
    return _make_extractor(name, labels, context, atoms=atoms, arrays=arrays, rows=rows)


def _make_extractor(
    name: str, labels: Labels, context: Context, *, atoms: dict[str, int], arrays: Arrays, rows: FloatArray | None
) -> EntityExtractor:
    exact = {part: arrays[part].astype(np.float32) for part in ("dense", "transitions", "start", "end")}
    return EntityExtractor(
        name=name,
        labels=labels,
        atoms=atoms,
        chain=Chain(sparse=np.zeros((0, len(labels.names)), np.float32), **exact),
        sparse=FixedPoint(arrays["sparse"], float(arrays["unit"][0])),
        rows=rows,
        vectors=context.vectors(),
        context=context,
    )

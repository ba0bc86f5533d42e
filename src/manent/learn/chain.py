"""A linear-chain conditional random field. It predicts a tag for each token, and each tag depends on its neighbours.

In training, matrix products over whole batches sum over all tag sequences. Only the cost of these products grows with
tags². With 109 tags and 70,000 tokens, a pass takes 0.2 s. Training needs about ten passes, in which each weight has
its own step size. The functions take and return arrays, so the caller defines the features. Only training needs SciPy.

Source: Lafferty et al., Conditional Random Fields (2001); Rabiner's scaled forward-backward; Duchi et al., Adagrad.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from manent.learn.softmax import AdaptiveWeights, cut_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_FORBIDDEN = np.float32(-1e4)
"""Score of a forbidden transition. The score is finite, but so low that no sum of other scores outweighs it."""


_LEAST, _TINY = np.float32(1e-10), np.float32(1e-16)
"""Smaller probabilities are raised to these values.

Products of smaller ones are subnormal numbers, which are 50 times slower.
"""


@dataclass(frozen=True, slots=True)
class Chain:
    """A trained model over t tags.

    Attributes:
        sparse: (s, t) weights of sparse token features.
        dense: (d, t) weights of dense token features.
        transitions: (t, t) scores of pairs of tags; [i, j] is the score of tag i followed by tag j.
        start: (t,) scores of each tag as the first tag of a sentence.
        end: (t,) scores of each tag as the last tag.
    """

    sparse: FloatArray
    dense: FloatArray
    transitions: FloatArray
    start: FloatArray
    end: FloatArray


@dataclass(frozen=True, slots=True)
class Shared:
    """Dense features that several tokens share, such as the vector of a word.

    Attributes:
        rows: (r, d) the features.
        places: (tokens,) index of each token's row, or -1 for a token whose features are zeros.
    """

    rows: FloatArray
    places: IntArray


@dataclass(frozen=True, slots=True)
class Sentences:
    """Training data: the tokens of all sentences, concatenated.

    Attributes:
        sparse: (tokens, s) sparse features.
        dense: the dense features, d in total.
        tags: (tokens,) index of the tag of each token.
        lengths: (sentences,) numbers of tokens, each ≥ 1.
    """

    sparse: "csr_matrix"
    dense: Sequence[Shared]
    tags: IntArray
    lengths: IntArray


def fit_chain(
    data: Sentences,
    tags: int,
    *,
    allowed: BoolArray,
    allowed_start: BoolArray,
    allowed_end: BoolArray,
    epochs: int,
    penalty: float,
    seed: int,
    batch: int = 32,
    rate: float = 0.1,
    on_epoch: Callable[[int], None] = lambda _: None,
) -> Chain:
    """Train a chain.

    Args:
        data: the sentences. Their tags must be allowed by `allowed`, `allowed_start` and `allowed_end`.
        tags: number of tags.
        allowed: (t, t) whether tag j may follow tag i.
        allowed_start: (t,) whether a tag may be the first tag of a sentence.
        allowed_end: (t,) whether a tag may be the last tag of a sentence.
        epochs: number of passes over the sentences.
        penalty: L2 penalty of a feature, for each sentence in which it occurs.
        seed: random seed for the order of sentences.
        batch: number of sentences per step.
        rate: first step size. The step size decreases to a twentieth of this value.
        on_epoch: called after each pass with its number.
    """
    random = np.random.default_rng(seed)
    width, depth = data.sparse.shape[1], sum(shared.rows.shape[1] for shared in data.dense)
    sparse, dense = AdaptiveWeights((width, tags)), AdaptiveWeights((depth, tags))
    transitions, start, end = AdaptiveWeights((tags, tags)), AdaptiveWeights((tags,)), AdaptiveWeights((tags,))
    for weights, possible in ((transitions, allowed), (start, allowed_start), (end, allowed_end)):
        weights.value[~possible] = _FORBIDDEN
    share = penalty / np.maximum(np.bincount(data.sparse.indices, minlength=width), 1).astype(np.float32)
    firsts = np.concatenate([[0], np.cumsum(data.lengths)[:-1]])
    batches = _batches(data.lengths, batch, random)
    places = [np.concatenate([np.arange(firsts[i], firsts[i] + data.lengths[i]) for i in chosen]) for chosen in batches]
    pieces = [cut_rows(data.sparse, rows) for rows in places]
    blocks = [_cut_shared(data.dense, rows) for rows in places]
    for epoch in range(epochs):
        step = rate * (1 - 0.95 * epoch / epochs)
        for number in random.permutation(len(batches)).tolist():
            lengths, piece = data.lengths[batches[number]], pieces[number]
            block, gold = blocks[number], data.tags[places[number]]
            weights = sparse.value[piece.columns]
            emissions = np.asarray(piece.rows @ weights, np.float32)
            for part in block:
                emissions += part.chosen @ (part.rows @ dense.value[part.columns])
            error, pairs, first, last = _expectations(emissions, lengths, transitions.value, start.value, end.value)
            _subtract_truth(gold, lengths, error=error, pairs=pairs, first=first, last=last)
            weights *= (share[piece.columns] * piece.times)[:, None]
            weights += piece.transposed @ error
            sparse.descend(weights, step, piece.columns)
            portion = np.float32(penalty * len(lengths) / len(data.lengths))
            gradient = portion * dense.value
            for part in block:
                gradient[part.columns] += part.rows.T @ (part.transposed @ error)
            dense.descend(gradient, step)
            transitions.descend(np.where(allowed, pairs + portion * transitions.value, 0), step)
            start.descend(np.where(allowed_start, first, 0), step)
            end.descend(np.where(allowed_end, last, 0), step)
        on_epoch(epoch + 1)
    return Chain(sparse.value, dense.value, transitions.value, start.value, end.value)


@dataclass(frozen=True, slots=True)
class _Part:
    """The shared features of a batch. Each row occurs once, so tokens with the same word need only one product.

    Attributes:
        rows: (r, d) the rows that occur in the batch.
        chosen: (tokens, r) 1 if the token uses the row, else 0.
        transposed: `chosen`, transposed.
        columns: slice of the weight matrix that contains these features' weights.
    """

    rows: FloatArray
    chosen: "csr_matrix"
    transposed: "csr_matrix"
    columns: slice


def _cut_shared(dense: Sequence[Shared], tokens: IntArray) -> list[_Part]:
    from scipy.sparse import csr_matrix

    parts, base = [], 0
    for shared in dense:
        here = shared.places[tokens]
        known = (here >= 0).nonzero()[0]
        found, inverse = np.unique(here[known], return_inverse=True)
        chosen = csr_matrix((np.ones(len(known), np.float32), (known, inverse)), shape=(len(tokens), len(found)))
        size = shared.rows.shape[1]
        parts.append(_Part(shared.rows[found], chosen, chosen.T.tocsr(), slice(base, base + size)))
        base += size
    return parts


class Decoder:
    """Finds the best tag sequences with a trained chain.

    Tag 0 may follow itself, and may be the first and the last tag.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._moves: list[list[float]] = chain.transitions.tolist()
        self._arrivals = np.ascontiguousarray(chain.transitions.T)
        allowed = chain.transitions > _FORBIDDEN / 2
        # Some tags can follow and precede any tag. The others can follow only one or two tags, which start a span.
        self._alone = (allowed[0] & allowed[:, 0]).nonzero()[0]
        continuing = allowed.sum(axis=0) <= _FEW_SOURCES
        self._from, self._to = (allowed & continuing).nonzero()
        possible = chain.transitions[allowed]
        spread = float(possible.max() - possible.min()) if possible.size else 0.0
        self._margin, self._pair_margin = np.float32(_MARGIN * spread), np.float32(_PAIR_MARGIN * spread)
        # The last row is for tags that have no such predecessor or successor.
        nothing = np.zeros((1, len(self._moves)), np.float32)
        self._after = np.concatenate([chain.transitions, nothing])
        self._before = np.concatenate([self._arrivals, nothing])

    def decode(self, emissions: FloatArray) -> list[int]:
        """Find the best tag sequence of one sentence.

        Args:
            emissions: (tokens, t) scores. Changed in place: the scores of the first and the last tag are added.

        Returns:
            One tag per token, [] without tokens.

        Source: the Viterbi algorithm, over the tags that are likely somewhere in the sentence (`_choose`). Of 200 tags,
            usually only a few are likely. Searching only these tags takes a fifth of the time of a search over all
            tags.
        """
        if not len(emissions):
            return []
        emissions[0] += self._chain.start
        emissions[-1] += self._chain.end
        if len(self._moves) > _FEW_TAGS:
            # At a token where the score of tag 0 is far above the scores of all other tags, `_choose` finds no other
            # tag. In most short messages, this is true of every token. The check then takes 4 µs, while a search would
            # take 12 µs. In other messages, such tokens at the start and the end are skipped, and only the rest is
            # searched.
            margin = float(self._margin)
            leads = (emissions[:, 0] - np.maximum.reduce(emissions[:, 1:], axis=1)).tolist()
            close = [place for place, lead in enumerate(leads) if lead <= margin]
            tags = self._choose(emissions[max(close[0] - 1, 0) : close[-1] + 2]) if close else [0]
        else:
            tags = list(range(len(self._moves)))
        if len(tags) == 1:
            return tags * len(emissions)
        scores = emissions.take(tags, axis=1)
        if len(tags) <= _FEW_TAGS:
            moves = self._moves
            path = _decode_few([[moves[before][tag] for before in tags] for tag in tags], scores.tolist())
        else:
            # Two calls of `take` take a quarter of the time of `np.ix_`.
            path = _decode_many(self._chain.transitions.take(tags, axis=0).take(tags, axis=1), scores)
        return [*map(tags.__getitem__, path)]

    def _choose(self, emissions: FloatArray) -> list[int]:
        """Return the tags that may be part of the best path.

        A tag is returned if its score is close to the scores of the alternatives. For a tag that continues a span, the
        scores of the pair of this tag and its predecessor are also compared.
        """
        alone = emissions.take(self._alone, axis=1)
        best = np.maximum.reduce(alone, axis=1)
        single = self._alone[np.logical_or.reduce(alone >= (best - self._margin)[:, None])]
        pairs = emissions[:-1].take(self._from, axis=1)
        pairs += emissions[1:].take(self._to, axis=1)
        likely = np.logical_or.reduce(pairs >= (best[:-1] + best[1:] - self._pair_margin)[:, None])
        return sorted({0, *single.tolist(), *self._from[likely].tolist(), *self._to[likely].tolist()})

    def confidences(self, emissions: FloatArray, path: list[int]) -> list[float]:
        """Return the confidence of each tag of a path, given the tags next to it: in (0, 1).

        Tag 0 always gets 1. The confidences are cheaper than marginals over all sequences, because one operation
        computes them for all tokens without recursion. The confidences are close to the marginals, because neighbours
        are rarely uncertain at the same time.

        Args:
            emissions: the array that `decode` changed.
            path: the path that `decode` returned.
        """
        places = [place for place, tag in enumerate(path) if tag]
        tags = [path[place] for place in places]
        framed = [-1, *path, -1]
        scores = emissions.take(places, axis=0)
        scores += self._after.take([framed[place] for place in places], axis=0)
        scores += self._before.take([framed[place + 2] for place in places], axis=0)
        width = scores.shape[1]
        scores -= scores.take([row * width + tag for row, tag in enumerate(tags)])[:, None]
        np.minimum(scores, _SURE, out=scores)
        np.exp(scores, out=scores)
        sure = [1.0] * len(path)
        for place, rivals in zip(places, np.add.reduce(scores, axis=1).tolist(), strict=True):
            sure[place] = 1.0 / rivals
        return sure


def _decode_few(arrivals: list[list[float]], scores: list[list[float]]) -> list[int]:
    """Return the best path over a few tags. Plain Python is faster than NumPy for so few numbers.

    Args:
        arrivals: for each tag, the scores of the transitions to it.
        scores: for each token, the score of each tag.
    """
    best = scores[0]
    origins = []
    for row in scores[1:]:
        through = [[*map(operator.add, best, arriving)] for arriving in arrivals]
        tops = [*map(max, through)]
        origins.append([*map(list.index, through, tops)])
        best = [*map(operator.add, tops, row)]
    path = [best.index(max(best))]
    for origin in reversed(origins):
        path.append(origin[path[-1]])
    path.reverse()
    return path


def _decode_many(moves: FloatArray, scores: FloatArray) -> list[int]:
    """Return the best path over many tags.

    Args:
        moves: (tags, tags) scores of the transitions from each tag to each tag.
        scores: (tokens, tags).
    """
    bests = [scores[0]]
    through = np.empty_like(moves)
    for row in scores[1:]:
        # Computing column maxima takes two thirds of the time of computing row maxima on the transposed matrix.
        np.add(moves, bests[-1][:, None], out=through)
        best = np.maximum.reduce(through, axis=0)
        best += row
        bests.append(best)
    arrivals = moves.T
    path = [int(bests.pop().argmax())]
    while bests:
        path.append(int((arrivals[path[-1]] + bests.pop()).argmax()))
    path.reverse()
    return path


_FEW_SOURCES = 4
_FEW_TAGS = 6
"""Number of tags up to which plain Python finds a path faster than NumPy."""

_MARGIN, _PAIR_MARGIN = 0.35, 0.7
"""A tag is searched if its score is at most this far below that of the best tag that can follow any tag.

The first number is for single tags, the second for pairs of tags. The unit is the spread of the transition scores. With
these values, 1 of the 1,076 test messages of the data set HWU64 gets a different path than with a search over all tags.
"""

_SURE = np.float32(60)
"""Maximum difference of scores.

Greater differences are reduced to this value, because their exponential could overflow.
"""


def _batches(lengths: IntArray, size: int, random: np.random.Generator) -> list[IntArray]:
    """Group sentences of similar length into batches, without padding.

    Within a batch, the longest sentence comes first. The order of the batches is random.
    """
    order = random.permutation(len(lengths))
    order = order[np.argsort(-lengths[order], kind="stable")]
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    return [batches[index] for index in random.permutation(len(batches))]


def _expectations(
    emissions: FloatArray, lengths: IntArray, transitions: FloatArray, start: FloatArray, end: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Sum over all tag sequences of a batch, whose sentences are sorted by descending length.

    Returns:
        (tokens, t) probability of each tag. (t, t) expected number of each transition. (t,) expected number of each tag
        as the first tag, and (t,) as the last tag.
    """
    tags = emissions.shape[1]
    firsts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    lasts = firsts + lengths - 1
    scores = emissions.copy()
    scores[firsts] += start
    scores[lasts] += end
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    np.maximum(scores, _LEAST, out=scores)
    moves = np.exp(transitions)
    longest = int(lengths[0])
    # For each position, the number of sentences that have a token there.
    active = [int((lengths > place).sum()) for place in range(longest)]
    forward, inward = np.empty_like(scores), np.empty_like(scores)
    for place in range(longest):
        here = firsts[: active[place]] + place
        value = scores[here] if place == 0 else (forward[here - 1] @ moves) * scores[here]
        value /= value.sum(axis=1, keepdims=True)
        forward[here] = np.maximum(value, _TINY)
    # inward[i] is the backward message that arrives at token i, times the scores of token i.
    backward = np.ones((len(lengths), tags), np.float32)
    chances = np.empty_like(scores)
    for place in reversed(range(longest)):
        here = firsts[: active[place]] + place
        message = backward[: active[place]]
        product = forward[here] * message
        chances[here] = product / product.sum(axis=1, keepdims=True)
        value = scores[here] * message
        inward[here] = value
        value = value @ moves.T
        value /= value.sum(axis=1, keepdims=True)
        backward[: active[place]] = np.maximum(value, _TINY)
    later = np.ones(len(scores), np.bool_)
    later[firsts] = False
    later_places = later.nonzero()[0]
    ahead, behind = forward[later_places - 1], inward[later_places]
    norms = ((ahead @ moves) * behind).sum(axis=1, keepdims=True)
    pairs = moves * (ahead.T @ (behind / norms))
    return chances, pairs, chances[firsts].sum(axis=0), chances[lasts].sum(axis=0)


def _subtract_truth(
    gold: IntArray, lengths: IntArray, *, error: FloatArray, pairs: FloatArray, first: FloatArray, last: FloatArray
) -> None:
    """Convert expectations into gradients by subtracting the counts in the training data."""
    error[np.arange(len(gold)), gold] -= 1
    firsts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    later = np.ones(len(gold), np.bool_)
    later[firsts] = False
    places = later.nonzero()[0]
    np.subtract.at(pairs, (gold[places - 1], gold[places]), 1)
    np.subtract.at(first, gold[firsts], 1)
    np.subtract.at(last, gold[firsts + lengths - 1], 1)

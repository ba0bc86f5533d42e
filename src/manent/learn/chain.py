"""A linear-chain conditional random field: tags for the tokens of a sentence, each depending on its neighbours.

Training sums over all tag sequences with matrix products of whole batches, so its cost grows with labels² only in the
fastest operation there is (109 tags, 70,000 tokens: 0.2 s a pass); the weights are learnt with per-weight step sizes in
about ten passes. Arrays in, arrays out: what the features mean is the caller's business. SciPy is needed only to train.

Source: Lafferty et al., Conditional Random Fields (2001); Rabiner's scaled forward-backward; Duchi et al., Adagrad.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from manent.learn.softmax import AdaptiveWeights, cut_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_FORBIDDEN = np.float32(-1e4)
"""Score of a transition that must not be: low enough that no sum of others outweighs it, and still a number."""


_LEAST, _TINY = np.float32(1e-10), np.float32(1e-16)
"""Chances below these count as these: products of smaller ones are subnormal, and a processor 50 times slower."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A trained model over t tags.

    Attributes:
        sparse: (s, t) weights of sparse token features.
        dense: (d, t) weights of dense token features.
        transitions: (t, t); [i, j] scores tag i followed by j.
        start: (t,) scores of a sentence's first tag.
        end: (t,) scores of its last.
    """

    sparse: FloatArray
    dense: FloatArray
    transitions: FloatArray
    start: FloatArray
    end: FloatArray


@dataclass(frozen=True, slots=True)
class Shared:
    """Dense features that many tokens have in common, such as the vector of their word.

    Attributes:
        rows: (r, d).
        places: (tokens,) which row each token has; -1 for zeros.
    """

    rows: FloatArray
    places: IntArray


@dataclass(frozen=True, slots=True)
class Sentences:
    """Training material: the tokens of all sentences in one row after another.

    Attributes:
        sparse: (tokens, s).
        dense: side by side they have d features.
        tags: (tokens,) indices.
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
    """Train.

    Args:
        data: sentences whose tags obey the constraints.
        tags: number of tags.
        allowed: (t, t); which tag may follow which.
        allowed_start: (t,); which tag may come first.
        allowed_end: (t,); which tag may come last.
        epochs: passes over the sentences.
        penalty: L2, per sentence in which a feature occurs.
        seed: of the order of sentences.
        batch: sentences per step.
        rate: step size at the beginning; it falls to a twentieth.
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
    """Shared features of a batch: each row once, so that tokens with the same word cost one product.

    Attributes:
        rows: (r, d) those that occur.
        chosen: (tokens, r) ones where a token has a row.
        transposed: the same, transposed.
        columns: where the weights are.
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
    """Finds best tag sequences with a trained chain."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._moves: list[list[float]] = chain.transitions.tolist()
        self._arrivals = np.ascontiguousarray(chain.transitions.T)
        allowed = chain.transitions > _FORBIDDEN / 2
        # Most tags begin something and may follow any tag that ends something; the others go on with what one or two
        # tags began, and only those need be looked at.
        before = [column.nonzero()[0].tolist() for column in allowed.T]
        self._sources: list[list[int] | None] = [found if len(found) <= _FEW_SOURCES else None for found in before]
        free = np.array([found is None for found in self._sources], np.bool_)
        self._connects = [bool(row.any()) for row in allowed[:, free]]
        possible = chain.transitions[allowed]
        spread = float(possible.max() - possible.min()) if possible.size else 0.0
        self._margin, self._price = np.float32(_MARGIN * spread), _PRICE * spread

    def decode(self, emissions: FloatArray) -> list[int]:
        """Find the best tag sequence of one sentence.

        Args:
            emissions: (tokens, t) scores; overwritten.

        Returns:
            One tag per token; [] for no tokens.

        Tag 0 may follow itself and stand at both ends.

        Source: Viterbi over each token's likely tags, in plain Python because most tokens have one or two of them
        (40 µs against 130 for ten words and 195 tags). Where these don't fit together, or only at a price that some
        less likely tag might undercut, over all tags.
        """
        if not len(emissions):
            return []
        emissions[0] += self._chain.start
        emissions[-1] += self._chain.end
        best = np.maximum.reduce(emissions, axis=1, keepdims=True)
        likely = (emissions >= best - self._margin).nonzero()
        places, tags = likely[0].tolist(), likely[1].tolist()
        if len(places) == len(emissions) and not any(tags):
            return list(tags)
        if len(places) <= _MANY * len(emissions):
            path = self._decode_likely(places, tags, emissions[likely].tolist())
            if path and float(best.sum() - emissions[range(len(path)), path].sum()) < self._price:
                return path
        return self._decode_all(emissions)

    def _decode_likely(self, places: list[int], tags: list[int], scores: list[float]) -> list[int]:
        """Return the best path over some tags of each token, or [] if there is none."""
        moves, sources, connects = self._moves, self._sources, self._connects
        # A path is its score, what may come next, and its last tag with the path before it, nested. Only the best path
        # to each tag is kept.
        before: dict[int, _Path] = {}
        here: dict[int, _Path] = {}
        ended: list[_Path] = []
        current = 0
        for place, tag, score in zip(places, tags, scores, strict=True):
            if place != current:
                before, here, current = here, {}, place
                ended = [path for last, path in before.items() if connects[last]]
            if place == 0:
                here[tag] = (score, moves[tag], (tag, None))
                continue
            few = sources[tag]
            best, origin = _NEVER, None
            for path in ended if few is None else [before[source] for source in few if source in before]:
                total = path[0] + path[1][tag]
                if total > best:
                    best, origin = total, path[2]
            if origin is not None:
                here[tag] = (best + score, moves[tag], (tag, origin))
        if not here:
            return []
        best, _, found = max(here.values(), key=_first)
        if best < _FORBIDDEN / 2:
            return []
        path_back: list[int] = []
        while found is not None:
            tag, found = found
            path_back.append(tag)
        path_back.reverse()
        return path_back if len(path_back) == current + 1 else []

    def _decode_all(self, scores: FloatArray) -> list[int]:
        every = np.arange(scores.shape[1])
        best = scores[0]
        origins = []
        for row in scores[1:]:
            through = self._arrivals + best
            origin = through.argmax(axis=1)
            origins.append(origin)
            best = through[every, origin] + row
        path = [int(best.argmax())]
        for origin in reversed(origins):
            path.append(int(origin[path[-1]]))
        path.reverse()
        return path


_Path = tuple[float, list[float], Any]
_FEW_SOURCES = 4
_first = operator.itemgetter(0)
_NEVER = float("-inf")
_MARGIN, _PRICE = 0.8, 0.9
"""How far below a token's best tag another may score and still be looked at, and how far below the best tags a whole
path may, before all tags are looked at; in spreads of the transitions' scores. So chosen, 1 of 1,776 messages of two
public sets got another path than the best one."""

_MANY = 25
"""Likely tags per token, on average, beyond which arrays are faster."""


def confidences(emissions: FloatArray, chain: Chain, path: list[int]) -> list[float]:
    """Say how sure each tag of a sequence is, given the tags beside it: in (0, 1); 1 for tag 0, which is not asked for.

    Cheaper than marginals over all sequences (one operation for all tokens, no recursion) and close to them, because
    neighbours are seldom in doubt together.
    """
    places = [place for place, tag in enumerate(path) if tag]
    scores = emissions[places]
    for number, place in enumerate(places):
        scores[number] += chain.transitions[path[place - 1]] if place else chain.start
        scores[number] += chain.transitions[:, path[place + 1]] if place + 1 < len(path) else chain.end
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    chosen = scores[np.arange(len(places)), [path[place] for place in places]] / scores.sum(axis=1)
    sure = [1.0] * len(path)
    for place, value in zip(places, chosen.tolist(), strict=True):
        sure[place] = value
    return sure


def _batches(lengths: IntArray, size: int, random: np.random.Generator) -> list[IntArray]:
    """Sentences of like length together (no padding), longest first within a batch, batches in random order."""
    order = random.permutation(len(lengths))
    order = order[np.argsort(-lengths[order], kind="stable")]
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    return [batches[index] for index in random.permutation(len(batches))]


def _expectations(
    emissions: FloatArray, lengths: IntArray, transitions: FloatArray, start: FloatArray, end: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Sum over all tag sequences of a batch (lengths descending).

    Returns:
        (tokens, t) chances of each tag, (t, t) expected numbers of each transition, (t,) of first and of last tags.
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
    # How many sentences have a token at each position.
    active = [int((lengths > place).sum()) for place in range(longest)]
    forward, inward = np.empty_like(scores), np.empty_like(scores)
    for place in range(longest):
        here = firsts[: active[place]] + place
        value = scores[here] if place == 0 else (forward[here - 1] @ moves) * scores[here]
        value /= value.sum(axis=1, keepdims=True)
        forward[here] = np.maximum(value, _TINY)
    # inward[i] is the message that reaches token i from behind, times what token i itself says.
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
    """Turn expectations into gradients: minus what the training tags say."""
    error[np.arange(len(gold)), gold] -= 1
    firsts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    later = np.ones(len(gold), np.bool_)
    later[firsts] = False
    places = later.nonzero()[0]
    np.subtract.at(pairs, (gold[places - 1], gold[places]), 1)
    np.subtract.at(first, gold[firsts], 1)
    np.subtract.at(last, gold[firsts + lengths - 1], 1)

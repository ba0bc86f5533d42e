"""A linear-chain conditional random field: tags for the tokens of a sentence, each depending on its neighbours.

Training sums over all tag sequences with matrix products of whole batches, so its cost grows with labels² only in the
fastest operation there is (109 tags, 70,000 tokens: 0.2 s a pass); the weights are learnt with per-weight step sizes in
about ten passes. Arrays in, arrays out: what the features mean is the caller's business. SciPy is needed only to train.

Source: Lafferty et al., Conditional Random Fields (2001); Rabiner's scaled forward-backward; Duchi et al., Adagrad.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_FORBIDDEN = np.float32(-1e4)
"""Score of a transition that must not be: low enough that no sum of others outweighs it, and still a number."""

_CANDIDATES = 12
"""Tags that are looked at per token when there are many; the best sequence was among them in every test sentence."""


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
class Sentences:
    """Training material: the tokens of all sentences in one row after another.

    Attributes:
        sparse: (tokens, s).
        dense: (tokens, d).
        tags: (tokens,) indices.
        lengths: (sentences,) numbers of tokens, each ≥ 1.
    """

    sparse: "csr_matrix"
    dense: FloatArray
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
    rate: float = 0.2,
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
    width, depth = data.sparse.shape[1], data.dense.shape[1]
    sparse = _Weights(np.zeros((width, tags), np.float32))
    dense = _Weights(np.zeros((depth, tags), np.float32))
    transitions = _Weights(np.where(allowed, 0, _FORBIDDEN).astype(np.float32))
    start = _Weights(np.where(allowed_start, 0, _FORBIDDEN).astype(np.float32))
    end = _Weights(np.where(allowed_end, 0, _FORBIDDEN).astype(np.float32))
    total = np.maximum(np.bincount(data.sparse.indices, minlength=width), 1)
    share = (penalty / total).astype(np.float32)[:, None]
    firsts = np.concatenate([[0], np.cumsum(data.lengths)[:-1]])
    for epoch in range(epochs):
        step = rate * (1 - 0.95 * epoch / epochs)
        for chosen in _batches(data.lengths, batch, random):
            lengths = data.lengths[chosen]
            places = np.concatenate([np.arange(firsts[i], firsts[i] + data.lengths[i]) for i in chosen])
            rows, block, gold = data.sparse[places], data.dense[places], data.tags[places]
            emissions = np.asarray(rows @ sparse.value + block @ dense.value, np.float32)
            error, pairs, first, last = _expectations(emissions, lengths, transitions.value, start.value, end.value)
            _subtract_truth(gold, lengths, error=error, pairs=pairs, first=first, last=last)
            touched, inverse, times = np.unique(rows.indices, return_inverse=True, return_counts=True)
            small: Any = type(rows)((rows.data, inverse, rows.indptr), shape=(len(places), len(touched)))
            gradient = np.asarray(small.T @ error) + sparse.value[touched] * (share[touched] * times[:, None])
            sparse.descend(gradient, step, touched)
            portion = np.float32(penalty * len(chosen) / len(data.lengths))
            dense.descend(block.T @ error + portion * dense.value, step)
            transitions.descend(np.where(allowed, pairs + portion * transitions.value, 0), step)
            start.descend(np.where(allowed_start, first, 0), step)
            end.descend(np.where(allowed_end, last, 0), step)
        on_epoch(epoch + 1)
    return Chain(sparse.value, dense.value, transitions.value, start.value, end.value)


def decode(emissions: FloatArray, chain: Chain) -> list[int]:
    """Find the best tag sequence of one sentence.

    Args:
        emissions: (tokens, t) scores.
        chain: its transitions are used.

    Returns:
        One tag per token; [] for no tokens.

    Source: Viterbi; with many tags over each token's best ones only, and over all of them if those don't fit together.
    """
    count, tags = emissions.shape
    if not count:
        return []
    scores = emissions.copy()
    scores[0] += chain.start
    scores[-1] += chain.end
    if tags > _CANDIDATES and count > 1:
        few = np.argpartition(scores, tags - _CANDIDATES, axis=1)[:, tags - _CANDIDATES :]
        moves = chain.transitions[few[:-1, :, None], few[1:, None, :]]
        path, total = _viterbi(np.take_along_axis(scores, few, axis=1), moves)
        if total > _FORBIDDEN / 2:
            return [int(few[place, choice]) for place, choice in enumerate(path)]
    path, _ = _viterbi(scores, np.broadcast_to(chain.transitions, (count - 1, tags, tags)))
    return path


def confidences(emissions: FloatArray, chain: Chain, path: list[int]) -> FloatArray:
    """Say how sure each tag of a sequence is, given the tags beside it: (tokens,) in (0, 1).

    Cheaper than marginals over all sequences (one operation for all tokens, no recursion) and close to them, because
    neighbours are seldom in doubt together.
    """
    scores = emissions.copy()
    tags = np.array(path)
    scores[1:] += chain.transitions[tags[:-1]]
    scores[:-1] += chain.transitions[:, tags[1:]].T
    scores[0] += chain.start
    scores[-1] += chain.end
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    return np.asarray(scores[np.arange(len(tags)), tags] / scores.sum(axis=1), np.float32)


class _Weights:
    """Weights and the sums of their squared gradients."""

    def __init__(self, value: FloatArray) -> None:
        self.value = value
        self._past = np.full(value.shape, 0.1, np.float32)

    def descend(self, gradient: FloatArray, step: float, rows: IntArray | None = None) -> None:
        if rows is None:
            self._past += gradient**2
            self.value -= step * gradient / np.sqrt(self._past)
        else:
            past = self._past[rows] + gradient**2
            self._past[rows] = past
            self.value[rows] -= step * gradient / np.sqrt(past)


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
    np.maximum(scores, 1e-20, out=scores)
    moves = np.exp(transitions)
    longest = int(lengths[0])
    # How many sentences have a token at each position.
    active = [int((lengths > place).sum()) for place in range(longest)]
    forward, inward = np.empty_like(scores), np.empty_like(scores)
    for place in range(longest):
        here = firsts[: active[place]] + place
        value = scores[here] if place == 0 else (forward[here - 1] @ moves) * scores[here]
        forward[here] = value / value.sum(axis=1, keepdims=True)
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
        backward[: active[place]] = value / value.sum(axis=1, keepdims=True)
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


def _viterbi(scores: FloatArray, moves: FloatArray) -> tuple[list[int], float]:
    """Return the best path through (n, k) scores and (n - 1, k, k) transition scores, and its score."""
    best = scores[0]
    origins = []
    for place in range(1, len(scores)):
        through = best[:, None] + moves[place - 1]
        origin = through.argmax(axis=0)
        origins.append(origin)
        best = through.max(axis=0) + scores[place]
    path = [int(best.argmax())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    path.reverse()
    return path, float(best.max())

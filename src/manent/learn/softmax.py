"""Multinomial logistic regression on sparse and dense features, trained in the dual or in the primal.

With few examples (up to `DUAL_LIMIT`), training uses the dual form, which needs only the matrix of the examples' inner
products. The training time then does not depend on the number of features: 640 examples of 64 classes take 0.2 s. With
more examples, training uses small batches. The functions take and return arrays. Only training needs SciPy, so the
training functions import it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

DUAL_LIMIT = 2000
"""Number of examples up to which training in the dual is faster."""


@dataclass(frozen=True, slots=True)
class Features:
    """Features of n examples: `sparse` (n, s) and `dense` (n, d)."""

    sparse: "csr_matrix"
    dense: FloatArray

    def __len__(self) -> int:
        return int(self.dense.shape[0])

    def take(self, rows: IntArray) -> "Features":
        """Return the features of some examples."""
        return Features(self.sparse[rows], self.dense[rows])

    def gram(self) -> FloatArray:
        """Return the inner products of all pairs of examples, plus 1 for the bias: (n, n)."""
        products = (self.sparse @ self.sparse.T).toarray()
        return np.asarray(products + self.dense @ self.dense.T + 1, np.float32)


@dataclass(frozen=True, slots=True)
class Softmax:
    """A trained model: `sparse` (s, classes), `dense` (d, classes), `bias` (classes,)."""

    sparse: FloatArray
    dense: FloatArray
    bias: FloatArray

    def scores(self, features: Features) -> FloatArray:
        """Score examples: (n, classes) logits."""
        return np.asarray(features.sparse @ self.sparse + features.dense @ self.dense + self.bias, np.float32)


def softmax(scores: FloatArray) -> FloatArray:
    """Convert logits to probabilities along the last axis."""
    shifted = scores - np.maximum.reduce(scores, axis=-1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= np.add.reduce(shifted, axis=-1, keepdims=True)
    return np.asarray(shifted, np.float32)


def build_features(
    rows: Sequence[tuple[IntArray, FloatArray]], width: int, dense: FloatArray | None = None
) -> Features:
    """Combine the features of examples into matrices.

    Args:
        rows: indices and values of the sparse features of each example.
        width: number of sparse features.
        dense: (n, d). None: no dense features.
    """
    from scipy.sparse import csr_matrix

    ends = np.cumsum([0, *(len(indices) for indices, _ in rows)])
    indices = np.concatenate([indices for indices, _ in rows]) if rows else np.zeros(0, np.int64)
    values = np.concatenate([values for _, values in rows]) if rows else np.zeros(0, np.float32)
    sparse = csr_matrix((values.astype(np.float32), indices, ends), shape=(len(rows), width))
    return Features(sparse, np.zeros((len(rows), 0), np.float32) if dense is None else dense)


def fit(features: Features, labels: IntArray, classes: int, *, penalty: float, iterations: int, seed: int) -> Softmax:
    """Train a model.

    Args:
        features: features of n examples, with rows of norm about 1.
        labels: (n,) class indices.
        classes: number of classes.
        penalty: strength of the L2 penalty, > 0. The loss is the summed cross entropy plus `penalty / 2 * |W|²`.
        iterations: number of L-BFGS iterations in the dual. In the primal, a tenth of this number is the number of
            passes over the examples (2 to 10).
        seed: random seed for the order of examples.

    Source: Fan et al., LIBLINEAR (dual); Duchi et al., Adaptive Subgradient Methods (Adagrad, primal).
    """
    if len(features) <= DUAL_LIMIT:
        weights = fit_dual(features.gram(), labels, classes, penalty=penalty, iterations=iterations)
        return Softmax(
            np.asarray(features.sparse.T @ weights, np.float32),
            np.asarray(features.dense.T @ weights, np.float32),
            weights.sum(axis=0),
        )
    epochs = max(2, min(10, iterations // 10))
    return _fit_primal(features, labels, classes, penalty=penalty, epochs=epochs, seed=seed)


def fit_dual(gram: FloatArray, labels: IntArray, classes: int, *, penalty: float, iterations: int) -> FloatArray:
    """Train on inner products only. Return (n, classes): the weight of each example for each class.

    This L-BFGS measures distances between scores instead of distances between coefficients. About twenty iterations are
    then enough; with distances between coefficients, hundreds are needed. Each iteration needs one matrix product.

    Source: Nocedal and Wright, Numerical Optimization, 7.4 (two-loop recursion), 3.1 (backtracking).
    """
    count = len(labels)
    weights, scores = np.zeros((count, classes), np.float32), np.zeros((count, classes), np.float32)
    memory: list[tuple[FloatArray, FloatArray, FloatArray, FloatArray, float]] = []
    chances = softmax(scores)
    loss = _loss(weights, scores, chances, labels, penalty)
    gradient = _gradient(weights, chances, labels, penalty)
    image = gram @ gradient
    first = _inner(gradient, image)
    for _ in range(iterations):
        # Each vector is stored together with its product with `gram`, so inner products do not need another matrix
        # product.
        step, step_image = _direction(gradient, image, memory)
        slope = _inner(gradient, step_image)
        length = 1.0 if memory else min(1.0, 1.0 / float(np.abs(step_image).max() + 1e-12))
        while True:
            new_weights, new_scores = weights + length * step, scores + length * step_image
            new_chances = softmax(new_scores)
            new_loss = _loss(new_weights, new_scores, new_chances, labels, penalty)
            if new_loss <= loss + 1e-4 * length * slope or length < _SHORTEST:
                break
            length /= 2
        if new_loss >= loss:
            break
        new_gradient = _gradient(new_weights, new_chances, labels, penalty)
        new_image = gram @ new_gradient
        moved, moved_image = length * step, length * step_image
        change, change_image = new_gradient - gradient, new_image - image
        curvature = _inner(moved, change_image)
        if curvature > 0:
            memory = [*memory[1 - _MEMORY :], (moved, moved_image, change, change_image, curvature)]
        weights, scores, loss, gradient, image = new_weights, new_scores, new_loss, new_gradient, new_image
        if _inner(gradient, image) < _CONVERGED * first:
            break
    return weights


_MEMORY = 8
_SHORTEST = 1e-4
_CONVERGED = 1e-7


def _inner(first: FloatArray, image: FloatArray) -> float:
    return float(np.vdot(first, image))


def _loss(weights: FloatArray, scores: FloatArray, chances: FloatArray, labels: IntArray, penalty: float) -> float:
    likelihood = np.log(np.maximum(chances[np.arange(len(labels)), labels], 1e-30)).sum(dtype=np.float64)
    return penalty / 2 * _inner(weights, scores) - float(likelihood)


def _gradient(weights: FloatArray, chances: FloatArray, labels: IntArray, penalty: float) -> FloatArray:
    gradient = chances + np.float32(penalty) * weights
    gradient[np.arange(len(labels)), labels] -= 1
    return gradient


def _direction(
    gradient: FloatArray,
    image: FloatArray,
    memory: list[tuple[FloatArray, FloatArray, FloatArray, FloatArray, float]],
) -> tuple[FloatArray, FloatArray]:
    """Return the search direction (the negative inverse curvature times the gradient), and its product with `gram`."""
    step, step_image = -gradient, -image
    shares = []
    for moved, _, change, change_image, curvature in reversed(memory):
        share = np.float32(_inner(moved, step_image) / curvature)
        shares.append(share)
        step -= share * change
        step_image -= share * change_image
    if memory:
        _, _, change, change_image, curvature = memory[-1]
        scale = np.float32(curvature / _inner(change, change_image))
        step *= scale
        step_image *= scale
    for (moved, moved_image, change, _, curvature), share in zip(memory, reversed(shares), strict=True):
        factor = share - np.float32(_inner(change, step_image) / curvature)
        step += factor * moved
        step_image += factor * moved_image
    return step, step_image


def out_of_fold(
    features: Features, labels: IntArray, classes: int, *, penalty: float, iterations: int, seed: int
) -> FloatArray:
    """Score every example with a model that was trained without it. Return (n, classes) logits.

    Each class is divided into folds separately, so that a class with two examples is always trained on one of them. A
    few hundred examples are divided into ten folds, and more examples into five. If training takes seconds, there are
    only two folds, and the training for them is shorter.
    """
    gram = features.gram() if len(features) <= DUAL_LIMIT else None
    folds = 2 if gram is None else 10 if len(features) <= _FEW else 5
    fold_of = _folds(labels, folds, seed)
    scores = np.zeros((len(labels), classes), np.float32)
    for fold in range(folds):
        held, kept = (fold_of == fold).nonzero()[0], (fold_of != fold).nonzero()[0]
        if not len(held) or not len(kept):
            continue
        if gram is not None:
            inner = gram[np.ix_(kept, kept)]
            weights = fit_dual(inner, labels[kept], classes, penalty=penalty, iterations=iterations)
            scores[held] = gram[np.ix_(held, kept)] @ weights
        else:
            part = features.take(kept)
            model = fit(part, labels[kept], classes, penalty=penalty, iterations=iterations * 5 // 6, seed=seed)
            scores[held] = model.scores(features.take(held))
    return scores


_FEW = 400


def _folds(labels: IntArray, folds: int, seed: int) -> IntArray:
    order = np.random.default_rng(seed).permutation(len(labels))
    fold_of = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        fold_of[rows] = (np.arange(len(rows)) + label) % folds
    return fold_of


def _fit_primal(
    features: Features, labels: IntArray, classes: int, *, penalty: float, epochs: int, seed: int, batch: int = 32
) -> Softmax:
    """Train in batches, with a step size for each weight (Adagrad).

    Each step updates only the weights of features that occur in the batch.
    """
    count, (width, depth) = len(labels), (features.sparse.shape[1], features.dense.shape[1])
    sparse, dense = AdaptiveWeights((width, classes)), AdaptiveWeights((depth + 1, classes))
    with_bias = np.concatenate([features.dense, np.ones((count, 1), np.float32)], axis=1)
    random = np.random.default_rng(seed)
    order = random.permutation(count)
    batches = [order[start : start + batch] for start in range(0, count, batch)]
    # The batches are the same in each pass, because creating a batch costs as much as learning from it.
    pieces = [cut_rows(features.sparse, rows) for rows in batches]
    # The penalty of a feature is divided among the examples that have it.
    share = penalty / np.maximum(np.bincount(features.sparse.indices, minlength=width), 1).astype(np.float32)
    for epoch in range(epochs):
        step = 0.3 * (1 - 0.95 * epoch / epochs)
        for number in random.permutation(len(batches)).tolist():
            rows, piece = batches[number], pieces[number]
            block, weights = with_bias[rows], sparse.value[piece.columns]
            error = softmax(np.asarray(piece.rows @ weights + block @ dense.value, np.float32))
            error[np.arange(len(rows)), labels[rows]] -= 1
            weights *= (share[piece.columns] * piece.times)[:, None]
            weights += piece.transposed @ error
            sparse.descend(weights, step, piece.columns)
            dense.descend(block.T @ error + dense.value * np.float32(penalty * len(rows) / count), step)
    return Softmax(sparse.value, dense.value[:-1], dense.value[-1])


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a sparse matrix, without the columns that are empty in these rows.

    Attributes:
        rows: (rows, columns) the values.
        transposed: `rows`, transposed.
        columns: indices of the columns in the whole matrix.
        times: number of values in each column.
    """

    rows: "csr_matrix"
    transposed: "csr_matrix"
    columns: IntArray
    times: FloatArray


def cut_rows(matrix: "csr_matrix", rows: IntArray) -> Piece:
    """Return the selected rows of a sparse matrix."""
    chosen = matrix[rows]
    columns, inverse, times = np.unique(chosen.indices, return_inverse=True, return_counts=True)
    small = type(chosen)((chosen.data, inverse, chosen.indptr), shape=(len(rows), len(columns)))
    return Piece(small, small.T.tocsr(), columns, times.astype(np.float32))


class AdaptiveWeights:
    """Weights that have separate step sizes. The more a weight has changed, the smaller its step size becomes.

    Source: Duchi et al., Adaptive Subgradient Methods (2011), diagonal version.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.value = np.zeros(shape, np.float32)
        self._past = np.full(shape, 1e-2, np.float32)

    def descend(self, gradient: FloatArray, step: float, rows: IntArray | None = None) -> None:
        """Move the weights down the gradient.

        Args:
            gradient: gradient of all weights, or of some rows. It is overwritten.
            step: size of the first step.
            rows: indices of the rows; no index may be repeated.
        """
        if rows is None:
            self._past += np.square(gradient)
            gradient /= np.sqrt(self._past)
            gradient *= np.float32(step)
            self.value -= gradient
            return
        # Update block by block, so that the rows stay in the processor's cache for all operations.
        for start in range(0, len(rows), _CACHED_ROWS):
            chosen, part = rows[start : start + _CACHED_ROWS], gradient[start : start + _CACHED_ROWS]
            past = self._past.take(chosen, axis=0)
            past += np.square(part)
            self._past[chosen] = past
            part /= np.sqrt(past, out=past)
            part *= np.float32(step)
            self.value[chosen] = self.value.take(chosen, axis=0) - part


_CACHED_ROWS = 256

"""Multinomial logistic regression on sparse and dense features, trained in the dual or in the primal.

With few examples (up to `DUAL_LIMIT`) the weights are a combination of the examples, so that training works on the
matrix of their inner products, whatever the number of features: 640 examples, 64 classes take 0.1 s. With many it runs
over them in small batches. Arrays in, arrays out; SciPy is imported only here, at training.
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

DUAL_LIMIT = 2500
"""Examples up to which training in the dual is faster."""


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
    """Turn logits into probabilities along the last axis."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=-1, keepdims=True)
    return np.asarray(shifted, np.float32)


def build_features(
    rows: Sequence[tuple[IntArray, FloatArray]], width: int, dense: FloatArray | None = None
) -> Features:
    """Stack examples.

    Args:
        rows: per example the indices and values of its sparse features.
        width: number of sparse features.
        dense: (n, d), or None for none.
    """
    from scipy.sparse import csr_matrix

    ends = np.cumsum([0, *(len(indices) for indices, _ in rows)])
    indices = np.concatenate([indices for indices, _ in rows]) if rows else np.zeros(0, np.int64)
    values = np.concatenate([values for _, values in rows]) if rows else np.zeros(0, np.float32)
    sparse = csr_matrix((values.astype(np.float32), indices, ends), shape=(len(rows), width))
    return Features(sparse, np.zeros((len(rows), 0), np.float32) if dense is None else dense)


def fit(features: Features, labels: IntArray, classes: int, *, penalty: float, iterations: int, seed: int) -> Softmax:
    """Train.

    Args:
        features: of n examples, rows of norm about 1.
        labels: (n,) class indices.
        classes: number of classes.
        penalty: strength of the L2 penalty, > 0: the loss is the summed cross entropy plus `penalty / 2 * |W|²`.
        iterations: of L-BFGS in the dual; passes over the examples in the primal are a fifth of it, at most 12.
        seed: of the order of examples.

    Source: Fan et al., LIBLINEAR (dual); Duchi et al., Adaptive Subgradient Methods (Adagrad, primal).
    """
    if len(features) <= DUAL_LIMIT:
        weights = fit_dual(features.gram(), labels, classes, penalty=penalty, iterations=iterations)
        return Softmax(
            np.asarray(features.sparse.T @ weights, np.float32),
            np.asarray(features.dense.T @ weights, np.float32),
            weights.sum(axis=0),
        )
    epochs = max(2, min(12, iterations // 5))
    return _fit_primal(features, labels, classes, penalty=penalty, epochs=epochs, seed=seed)


def fit_dual(gram: FloatArray, labels: IntArray, classes: int, *, penalty: float, iterations: int) -> FloatArray:
    """Train on inner products alone; return (n, classes): how much each example counts for each class."""
    from scipy.optimize import minimize

    count = len(labels)
    truth = np.zeros((count, classes), np.float32)
    truth[np.arange(count), labels] = 1

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(count, classes).astype(np.float32)
        scores = gram @ weights
        chances = softmax(scores)
        likelihood = np.log(np.maximum(chances[np.arange(count), labels], 1e-30)).sum(dtype=np.float64)
        gradient = gram @ (chances - truth + penalty * weights)
        return float(penalty / 2 * (weights * scores).sum(dtype=np.float64) - likelihood), gradient.ravel().astype(
            float
        )

    options = {"maxiter": iterations, "ftol": 1e-7}
    found = minimize(loss, np.zeros(count * classes), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x.reshape(count, classes), np.float32)


def out_of_fold(
    features: Features, labels: IntArray, classes: int, *, penalty: float, iterations: int, seed: int, folds: int = 5
) -> FloatArray:
    """Score every example by a model that was trained without it: (n, classes) logits.

    The folds are made per class, so that a class with two examples is trained on one of them each time.
    """
    fold_of = _folds(labels, folds, seed)
    scores = np.zeros((len(labels), classes), np.float32)
    gram = features.gram() if len(features) <= DUAL_LIMIT else None
    for fold in range(folds):
        held, kept = (fold_of == fold).nonzero()[0], (fold_of != fold).nonzero()[0]
        if not len(held) or not len(kept):
            continue
        if gram is not None:
            inner = gram[np.ix_(kept, kept)]
            weights = fit_dual(inner, labels[kept], classes, penalty=penalty, iterations=iterations)
            scores[held] = gram[np.ix_(held, kept)] @ weights
        else:
            model = fit(features.take(kept), labels[kept], classes, penalty=penalty, iterations=iterations, seed=seed)
            scores[held] = model.scores(features.take(held))
    return scores


def _folds(labels: IntArray, folds: int, seed: int) -> IntArray:
    order = np.random.default_rng(seed).permutation(len(labels))
    fold_of = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        fold_of[rows] = (np.arange(len(rows)) + label) % folds
    return fold_of


def _fit_primal(
    features: Features, labels: IntArray, classes: int, *, penalty: float, epochs: int, seed: int, batch: int = 64
) -> Softmax:
    """Train in batches. Per-weight step sizes (Adagrad); only the rows of a batch's features are touched."""
    rate = 0.7
    random = np.random.default_rng(seed)
    count, (width, depth) = len(labels), (features.sparse.shape[1], features.dense.shape[1])
    sparse, sparse_past = np.zeros((width, classes), np.float32), np.full((width, classes), 1e-3, np.float32)
    dense, dense_past = np.zeros((depth + 1, classes), np.float32), np.full((depth + 1, classes), 1e-3, np.float32)
    with_bias = np.concatenate([features.dense, np.ones((count, 1), np.float32)], axis=1)
    # A feature's penalty is spread over the examples that have it.
    share = penalty / np.maximum(np.bincount(features.sparse.indices, minlength=width), 1).astype(np.float32)[:, None]
    for epoch in range(epochs):
        step = rate * (1 - epoch / epochs) + rate * 0.02
        order = random.permutation(count)
        shuffled, shuffled_dense = features.sparse[order], with_bias[order]
        for start in range(0, count, batch):
            rows = shuffled[start : start + batch]
            block = shuffled_dense[start : start + batch]
            error = softmax(np.asarray(rows @ sparse + block @ dense, np.float32))
            error[np.arange(len(block)), labels[order[start : start + batch]]] -= 1
            touched, inverse, times = np.unique(rows.indices, return_inverse=True, return_counts=True)
            small = type(rows)((rows.data, inverse, rows.indptr), shape=(len(block), len(touched)))
            gradient = np.asarray(small.T @ error) + sparse[touched] * (share[touched] * times[:, None])
            past = sparse_past[touched] + gradient**2
            sparse_past[touched] = past
            sparse[touched] -= step * gradient / np.sqrt(past)
            gradient = block.T @ error + dense * np.float32(penalty * len(block) / count)
            dense_past += gradient**2
            dense -= step * gradient / np.sqrt(dense_past)
    return Softmax(sparse, dense[:-1], dense[-1])

"""Confidences that mean what they say: how far to trust a classifier's scores, learnt from held-out ones."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manent.learn.softmax import softmax

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


def fit_temperature(scores: FloatArray, labels: IntArray, *, lowest: float = 0.05, highest: float = 20.0) -> float:
    """Find the factor by which to multiply logits so that held-out examples are most likely.

    Args:
        scores: (n, classes) logits of examples by models that were trained without them.
        labels: (n,) their classes.
        lowest: bound of the factor.
        highest: bound of the factor.

    Returns:
        The factor; 1.0 without examples or with one class.

    Source: Guo et al., On Calibration of Modern Neural Networks (2017), temperature scaling; golden-section search.
    """
    if not len(labels) or scores.shape[1] < 2:  # noqa: PLR2004 - nothing to tell apart
        return 1.0
    rows = np.arange(len(labels))

    def loss(factor: float) -> float:
        chances = softmax(scores * np.float32(factor))
        return -float(np.log(np.maximum(chances[rows, labels], 1e-12)).mean())

    ratio = (5**0.5 - 1) / 2
    left, right = np.log(lowest), np.log(highest)
    for _ in range(30):
        first, second = right - ratio * (right - left), left + ratio * (right - left)
        if loss(float(np.exp(first))) < loss(float(np.exp(second))):
            right = second
        else:
            left = first
    return float(np.exp((left + right) / 2))


@dataclass(frozen=True, slots=True)
class Sureness:
    """How likely a classifier is right, by how far the best score stands out: a logistic curve."""

    slope: float
    offset: float

    def of(self, prominence: float) -> float:
        """Return the likelihood, in (0, 1); see `prominence`."""
        return 1.0 / (1.0 + math.exp(-min(max(self.slope * prominence + self.offset, -_FAR), _FAR)))


_FAR = 30.0


def prominence(scores: FloatArray, classes: int) -> FloatArray:
    """Return how far the best of the first `classes` scores is above the mean of all: (n,) for (n, all)."""
    return np.asarray(scores[:, :classes].max(axis=1) - scores.mean(axis=1), np.float32)


def fit_sureness(prominences: FloatArray, right: NDArray[np.bool_]) -> Sureness:
    """Learn from held-out examples how far a classifier that has such a best score is to be trusted.

    Args:
        prominences: (n,).
        right: (n,) whether the best class was the right one.

    Source: Platt, Probabilistic Outputs for Support Vector Machines (1999), with his targets; Newton's method with
    halved steps as in Lin et al. (2007).
    """
    hits = int(right.sum())
    target = np.where(right, (hits + 1) / (hits + 2), 1 / (len(right) - hits + 2))
    design = np.stack([prominences.astype(np.float64), np.ones(len(right))])

    def loss(weights: NDArray[np.float64]) -> float:
        logits = weights @ design
        return float((np.logaddexp(0, logits) - target * logits).sum())

    weights = np.array([0.0, math.log((hits + 1) / (len(right) - hits + 1))])
    value = loss(weights)
    for _ in range(_STEPS):
        chances = 1 / (1 + np.exp(-np.clip(weights @ design, -_FAR, _FAR)))
        curvature = (design * (chances * (1 - chances) + 1e-9)) @ design.T + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, design @ (chances - target))
        length = 1.0
        while length > _SHORTEST and loss(weights - length * step) > value:
            length /= 2
        weights = weights - length * step
        before, value = value, loss(weights)
        if before - value < _SETTLED * abs(before):
            break
    return Sureness(max(float(weights[0]), 0.0), float(weights[1]))


_STEPS, _SHORTEST, _SETTLED = 100, 1e-8, 1e-7

"""Confidences that mean what they say: how far to trust a classifier's scores, learnt from held-out ones."""

import math

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


def fit_reliability(confidences: FloatArray, hits: NDArray[np.bool_]) -> tuple[float, float]:
    """Find how confidences are to be read so that they are as often right as they say.

    Args:
        confidences: (n,) of held-out examples' best classes, in (0, 1).
        hits: (n,) whether these were right.

    Returns:
        Slope (≥ 0, so that the order stays) and shift for `read_reliability`; (1, 0) without two kinds of examples.

    Source: Platt, Probabilistic Outputs for Support Vector Machines (1999), on log-odds; Newton's method.
    """
    if hits.all() or not hits.any():
        return 1.0, 0.0
    odds = np.log(np.clip(confidences, 1e-6, 1 - 1e-6).astype(np.float64))
    odds -= np.log1p(-np.exp(odds))
    columns = np.stack([odds, np.ones_like(odds)], axis=1)
    found = np.array([1.0, 0.0])
    for _ in range(_NEWTON_STEPS):
        chances = 1 / (1 + np.exp(-(columns @ found)))
        slope = columns.T @ (chances - hits) + _PRIOR * (found - np.array([1.0, 0.0]))
        curvature = (columns * (chances * (1 - chances))[:, None]).T @ columns + _PRIOR * np.eye(2)
        found -= np.linalg.solve(curvature, slope)
    return max(float(found[0]), 0.0), float(found[1])


def read_reliability(confidence: float, slope: float, shift: float) -> float:
    """Return the chance that a class of this confidence is right, in [0, 1]."""
    if not 0 < confidence < 1:
        return confidence
    odds = slope * (math.log(confidence) - math.log1p(-confidence)) + shift
    return 1 / (1 + math.exp(-odds)) if odds > -_FAR else 0.0


_NEWTON_STEPS = 20
_PRIOR = 1.0
"""As many examples' worth of trust in what the confidences say themselves."""

_FAR = 700.0

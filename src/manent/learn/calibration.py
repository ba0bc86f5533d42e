"""Confidences that mean what they say: how far to trust a classifier's scores, learnt from held-out ones."""

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

"""Calibrates the confidences of a classifier on held-out scores."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manent.learn.softmax import softmax

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


def fit_temperature(scores: FloatArray, labels: IntArray, *, lowest: float = 0.05, highest: float = 20.0) -> float:
    """Return the factor for the logits that maximizes the likelihood of the held-out examples' correct classes.

    Args:
        scores: (n, classes) logits of examples, from models trained without these examples.
        labels: (n,) classes of the examples.
        lowest: lower bound of the factor.
        highest: upper bound of the factor.

    Returns:
        The factor, which is 1.0 if there are no examples or only one class.

    Source: Guo et al., On Calibration of Modern Neural Networks (2017), temperature scaling; golden-section search.
    """
    if not len(labels) or scores.shape[1] < 2:  # noqa: PLR2004  # a single class cannot be wrong
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
class Profiles:
    """The typical scores of each class's examples.

    Before they are averaged, the mean of each text's scores is subtracted from its scores.

    Attributes:
        means: (classes, scores) mean scores per class, divided by `spread`.
        spread: (scores,) standard deviation of scores within a class, times the root of the number of scores.
    """

    means: FloatArray
    spread: FloatArray

    def measure(self, scores: FloatArray) -> tuple[float, float]:
        """Return two measures of a text's scores.

        Returns:
            The distance of the best score from the mean score, and the distance of the scores from the best class's
            typical scores. The second distance is 1 on average for examples of that class.
        """
        centred = scores - np.add.reduce(scores) / len(scores)
        best = int(centred[: len(self.means)].argmax())
        distance = centred / self.spread
        distance -= self.means[best]
        return float(centred[best]), float(distance @ distance)


@dataclass(frozen=True, slots=True)
class Sureness:
    """Estimates the probability that a classifier is right, by a logistic curve over two measures of its scores.

    Attributes:
        curve: slope of the first measure, slope of the second, offset.
        profiles: computes the measures.
    """

    curve: tuple[float, float, float]
    profiles: Profiles

    def of(self, scores: FloatArray) -> float:
        """Return the probability, in (0, 1), that a prediction with these scores (scores,) is right."""
        first, second, offset = self.curve
        prominence, strangeness = self.profiles.measure(scores)
        logit = first * prominence + second * strangeness + offset
        return 1.0 / (1.0 + math.exp(-min(max(logit, -_FAR), _FAR)))


_FAR = 30.0


def fit_sureness(scores: FloatArray, labels: IntArray, classes: int) -> Sureness:
    """Fit the probability that a classifier is right.

    Args:
        scores: (n, scores) scores of held-out examples. Additional columns belong to the background, which is never
            predicted.
        labels: (n,) the right class.
        classes: number of classes.
    """
    profiles = _fit_profiles(scores, labels, classes)
    measures = np.array([profiles.measure(row) for row in scores])
    right = scores[:, :classes].argmax(axis=1) == labels
    first, second, offset = fit_curve(measures, right).tolist()
    return Sureness((max(first, 0.0), min(second, 0.0), offset), profiles)


def _fit_profiles(scores: FloatArray, labels: IntArray, classes: int) -> Profiles:
    """Fit the profiles.

    Source: Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks
    (2018): Gaussians that share a covariance. Unlike in this paper, the Gaussians describe scores instead of hidden
    features, and the covariance is diagonal.
    """
    centred = scores - scores.mean(axis=1, keepdims=True)
    means = np.zeros((classes, scores.shape[1]))
    np.add.at(means, labels, centred)
    means /= np.maximum(np.bincount(labels, minlength=classes), 1)[:, None]
    variance = np.square(centred - means[labels]).mean(axis=0) + _TINY
    spread = np.sqrt(variance * scores.shape[1])
    return Profiles(np.asarray(means / spread, np.float32), np.asarray(spread, np.float32))


_TINY = 1e-6


def fit_curve(measures: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fit the probability that a prediction is right, from measures of right and wrong predictions.

    Args:
        measures: (n, k) measures of n predictions.
        right: (n,) whether each prediction is right.

    Returns:
        (k + 1,) slopes and offset of a logistic curve.

    Source: Platt, Probabilistic Outputs for Support Vector Machines (1999), with Platt's targets; Newton's method with
    halved steps as in Lin et al. (2007).
    """
    hits = int(right.sum())
    target = np.where(right, (hits + 1) / (hits + 2), 1 / (len(right) - hits + 2))
    design = np.concatenate([measures.T, np.ones((1, len(right)))])

    def loss(weights: NDArray[np.float64]) -> float:
        logits = weights @ design
        return float((np.logaddexp(0, logits) - target * logits).sum())

    weights = np.zeros(len(design))
    weights[-1] = math.log((hits + 1) / (len(right) - hits + 1))
    value = loss(weights)
    for _ in range(_STEPS):
        chances = 1 / (1 + np.exp(-np.clip(weights @ design, -_FAR, _FAR)))
        curvature = (design * (chances * (1 - chances) + 1e-9)) @ design.T + 1e-6 * np.eye(len(design))
        step = np.linalg.solve(curvature, design @ (chances - target))
        length = 1.0
        while length > _SHORTEST and loss(weights - length * step) > value:
            length /= 2
        weights = weights - length * step
        before, value = value, loss(weights)
        if before - value < _SETTLED * abs(before):
            break
    return weights


_STEPS, _SHORTEST, _SETTLED = 100, 1e-8, 1e-7

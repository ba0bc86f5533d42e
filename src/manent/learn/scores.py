"""Scores predicted labels: precision, recall and F1, in the format of the reports in `results/`.

The functions take pairs of labels. The evaluations of NLU and dialogue use them. The dictionaries have the format of
scikit-learn's `classification_report(output_dict=True)`.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

Scores = dict[str, Any]
Pairs = Sequence[tuple[str, str]]
"""(right, predicted) labels."""

_CONFUSED = 5
"""Maximum number of labels listed under `confused_with`."""


def score(hits: int, predicted: int, actual: int) -> Scores:
    """Return `precision, recall, f1-score` in [0, 1], and `support`.

    Args:
        hits: number of correct predictions of the label.
        predicted: number of predictions of the label.
        actual: number of occurrences of the label.
    """
    precision, recall = hits / predicted if predicted else 0.0, hits / actual if actual else 0.0
    total = precision + recall
    f1 = 2 * precision * recall / total if total else 0.0
    return {"precision": precision, "recall": recall, "f1-score": f1, "support": actual}


def average(scores: Sequence[Scores], weights: Sequence[int], support: int) -> Scores:
    """Return the weighted mean of scores, and the given `support`."""
    total = sum(weights)
    found = {
        key: sum(each[key] * weight for each, weight in zip(scores, weights, strict=True)) / total if total else 0.0
        for key in ("precision", "recall", "f1-score")
    }
    return {**found, "support": support}


def score_labels(pairs: Pairs) -> dict[str, Scores]:
    """Score each label that is the right or the predicted label of at least one pair.

    An empty string stands for "no label".
    """
    predictions = Counter(predicted for _, predicted in pairs)
    actual = Counter(right for right, _ in pairs)
    hits = Counter(right for right, predicted in pairs if right == predicted)
    labels = sorted({*predictions, *actual})
    return {label: score(hits[label], predictions[label], actual[label]) for label in labels if label}


def report_labels(pairs: Pairs) -> Scores:
    """Score predictions of one label per example.

    Returns:
        A dictionary with `precision, recall, f1-score, support, confused_with` for each label, and with the keys
        `accuracy`, `micro avg`, `macro avg`, `weighted avg`.
    """
    confused: dict[str, Counter[str]] = defaultdict(Counter)
    for right, predicted in pairs:
        if right != predicted:
            confused[right][predicted] += 1
    scored = score_labels(pairs)
    report: Scores = {}
    for label, scores in scored.items():
        others = sorted(confused[label].items(), key=lambda item: (-item[1], item[0]))
        report[label] = {**scores, "confused_with": dict(others[:_CONFUSED])}
    hits = sum(right == predicted for right, predicted in pairs)
    predictions = sum(bool(predicted) for _, predicted in pairs)
    return {
        **report,
        "accuracy": accuracy(pairs),
        "micro avg": score(hits, predictions, len(pairs)),
        **_averages(list(scored.values()), len(pairs)),
    }


def report_expected(pairs: Pairs) -> Scores:
    """Score predictions. Count only labels that are the right label of at least one example.

    Returns:
        The same as `report_labels`, without `confused_with`.
    """
    expected = {right for right, _ in pairs}
    scored = {label: scores for label, scores in score_labels(pairs).items() if label in expected}
    hits = sum(right == predicted for right, predicted in pairs)
    predictions = sum(predicted in expected for _, predicted in pairs)
    return {
        **scored,
        "micro avg": score(hits, predictions, len(pairs)),
        **_averages(list(scored.values()), len(pairs)),
        "accuracy": accuracy(pairs),
    }


def accuracy(pairs: Pairs) -> float:
    """Return the share of pairs with equal labels, or 0 if there are no pairs."""
    return sum(right == predicted for right, predicted in pairs) / len(pairs) if pairs else 0.0


def count_confusions(pairs: Pairs) -> tuple[list[str], list[list[int]]]:
    """Return all labels and the confusion matrix, with a row per right label and a column per predicted label.

    An empty string stands for "no label" and has no row and no column.
    """
    labels = sorted({label for pair in pairs for label in pair if label})
    counts = Counter(pairs)
    return labels, [[counts[right, predicted] for predicted in labels] for right in labels]


def _averages(scored: list[Scores], support: int) -> Scores:
    return {
        "macro avg": average(scored, [1] * len(scored), support),
        "weighted avg": average(scored, [each["support"] for each in scored], support),
    }

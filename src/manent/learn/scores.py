"""Scores of predicted labels: precision, recall and F1, as the reports in `results/` have them.

Pure functions on pairs of labels; the evaluations of NLU and dialogue call them. The dictionaries have the form of
scikit-learn's `classification_report(output_dict=True)`, which readers of such reports know.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

Scores = dict[str, Any]
Pairs = Sequence[tuple[str, str]]
"""(right, predicted) labels."""

_CONFUSED = 5
"""Labels listed under `confused_with`, the most frequent first."""


def score(hits: int, said: int, there: int) -> Scores:
    """Return `precision, recall, f1-score, support`, each in [0, 1] but the last.

    Args:
        hits: predicted and right.
        said: predicted.
        there: right.
    """
    precision, recall = hits / said if said else 0.0, hits / there if there else 0.0
    total = precision + recall
    f1 = 2 * precision * recall / total if total else 0.0
    return {"precision": precision, "recall": recall, "f1-score": f1, "support": there}


def average(scores: Sequence[Scores], weights: Sequence[int], support: int) -> Scores:
    """Return the weighted mean of some scores; `support` is what it shall say of itself."""
    total = sum(weights)
    found = {
        key: sum(each[key] * weight for each, weight in zip(scores, weights, strict=True)) / total if total else 0.0
        for key in ("precision", "recall", "f1-score")
    }
    return {**found, "support": support}


def score_labels(pairs: Pairs) -> dict[str, Scores]:
    """Score each label that occurs on either side; an empty one stands for none."""
    said = Counter(predicted for _, predicted in pairs)
    there = Counter(right for right, _ in pairs)
    hits = Counter(right for right, predicted in pairs if right == predicted)
    return {label: score(hits[label], said[label], there[label]) for label in sorted({*said, *there}) if label}


def report_labels(pairs: Pairs) -> Scores:
    """Score predictions of one label each.

    Returns:
        Per label `precision, recall, f1-score, support, confused_with`, and `accuracy`, `micro avg`,
        `macro avg`, `weighted avg`.
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
    said = sum(bool(predicted) for _, predicted in pairs)
    return {
        **report,
        "accuracy": accuracy(pairs),
        "micro avg": score(hits, said, len(pairs)),
        **_averages(list(scored.values()), len(pairs)),
    }


def report_expected(pairs: Pairs) -> Scores:
    """Score predictions of which only the labels that were right somewhere count.

    Returns:
        As `report_labels`, without `confused_with`.
    """
    expected = {right for right, _ in pairs}
    scored = {label: scores for label, scores in score_labels(pairs).items() if label in expected}
    hits = sum(right == predicted for right, predicted in pairs)
    said = sum(predicted in expected for _, predicted in pairs)
    return {
        **scored,
        "micro avg": score(hits, said, len(pairs)),
        **_averages(list(scored.values()), len(pairs)),
        "accuracy": accuracy(pairs),
    }


def accuracy(pairs: Pairs) -> float:
    """Return the share of pairs whose labels are the same, 0 for none."""
    return sum(right == predicted for right, predicted in pairs) / len(pairs) if pairs else 0.0


def count_confusions(pairs: Pairs) -> tuple[list[str], list[list[int]]]:
    """Return all labels and the confusion matrix: a row per right label, a column per predicted one.

    An empty label stands for none and has neither.
    """
    labels = sorted({label for pair in pairs for label in pair if label})
    counts = Counter(pairs)
    return labels, [[counts[right, predicted] for predicted in labels] for right in labels]


def _averages(scored: list[Scores], support: int) -> Scores:
    return {
        "macro avg": average(scored, [1] * len(scored), support),
        "weighted avg": average(scored, [each["support"] for each in scored], support),
    }

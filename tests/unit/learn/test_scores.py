"""The scores in reports."""

import pytest

from manent.learn.scores import count_confusions, report_expected, report_labels

PAIRS = [("a", "a"), ("a", "b"), ("b", "b"), ("b", ""), ("a", "c")]


def test_labels_are_scored_with_what_they_were_taken_for() -> None:
    """Each label's precision and recall, and the labels it was confused with."""
    report = report_labels(PAIRS)

    assert report["a"] == {
        "precision": 1.0,
        "recall": 1 / 3,
        "f1-score": 0.5,
        "support": 3,
        "confused_with": {"b": 1, "c": 1},
    }
    assert report["c"]["support"] == 0
    assert report["accuracy"] == pytest.approx(0.4)
    assert report["micro avg"]["precision"] == 0.5
    assert report["weighted avg"]["recall"] == pytest.approx(0.4)


def test_expected_labels_only() -> None:
    """What was never right has no line, and counts against nobody's micro average."""
    report = report_expected(PAIRS)

    assert "c" not in report
    assert report["micro avg"] == {
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(0.4),
        "f1-score": pytest.approx(0.5),
        "support": 5,
    }


def test_nothing_is_scored_zero() -> None:
    """No pairs, no division by zero."""
    assert report_labels([])["accuracy"] == 0.0
    assert report_expected([])["weighted avg"]["f1-score"] == 0.0


def test_confusions_have_a_row_per_right_label() -> None:
    """Rows are what was right, columns what was predicted; none is neither."""
    assert count_confusions(PAIRS) == (["a", "b", "c"], [[1, 1, 1], [0, 1, 0], [0, 0, 0]])

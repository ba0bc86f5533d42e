"""The scale of confidences, without a classifier."""

import pytest

from manent.learn.confidence import DIET, logistic


def test_sharpness_falls_with_the_number_of_classes_to_a_least_one() -> None:
    """More classes are told apart less sharply, but never so little that own examples are in doubt."""
    found = [DIET.sharpness_of(classes) for classes in (1, 2, 4, 8, 16, 25, 64, 1000)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == DIET.least_sharpness


def test_more_classes_want_a_greater_lead() -> None:
    """A best class of many must be further ahead of the background."""
    found = [DIET.middle_of(classes) for classes in (0, 1, 2, 8, 64)]
    assert found == sorted(found)


@pytest.mark.parametrize(("value", "expected"), [(-1e9, 0.0), (0.0, 0.5), (1e9, 1.0)])
def test_logistic_does_not_overflow(value: float, expected: float) -> None:
    """The ends of the curve are numbers."""
    assert logistic(value) == pytest.approx(expected)

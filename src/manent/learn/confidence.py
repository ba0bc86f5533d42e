"""Confidences on the scale that thresholds in projects were chosen on: that of Rasa's classifiers.

Rasa's DIETClassifier is overconfident: it gives its own examples 1.0 and most other messages more than 0.9, right or
wrong. A threshold of 0.8 in a project means "refuse what DIET gives less than 0.8". A `Scale` maps the scores of our
classifier to such confidences. The calibrated probability is another number; see `calibration.py`.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How the scores of a text become confidences.

    A class's confidence is its share of the softmax over all classes, times a factor that tells how far the best class
    is ahead of the background (see `background_messages` in `nlu/classifier.py`).

    Attributes:
        sharpness: what scores are multiplied by before the softmax, times the number of classes; > 0.
        least_sharpness: what they are multiplied by at least.
        slope: of the logistic curve over the lead of the best class, > 0.
        offset: lead at which the factor is one half, with one class.
        growth: by how much that lead grows when there are e times as many classes.
    """

    sharpness: float
    least_sharpness: float
    slope: float
    offset: float
    growth: float

    def sharpness_of(self, classes: int) -> float:
        """Return what scores are multiplied by."""
        return float(max(self.sharpness / max(classes, 1), self.least_sharpness))

    def middle_of(self, classes: int) -> float:
        """Return the lead at which the factor is one half."""
        return self.offset + self.growth * math.log(max(classes, 1))


DIET = Scale(sharpness=40.0, least_sharpness=2.0, slope=8.0, offset=-1.75, growth=0.35)
"""Of DIETClassifier and ResponseSelector, fitted to what Rasa 3.6.21 says by `bench/thresholds/fit.py`.

The offset lies between the fitted -1.25 and -2.25 (`docs/lab/thresholds.md` compares them): new messages in languages
that the word vectors know little of pass as well, and nonsense does not.

It was measured up to 25 classes. With a sharpness of less than 2, classifiers of many classes would give their own
examples less than 0.99.
"""


LOGISTIC = Scale(sharpness=2.0, least_sharpness=2.0, slope=4.0, offset=-1.25, growth=0.5)
"""Of LogisticRegressionClassifier, fitted likewise: Rasa gives its own examples 0.91 to 1.0, new ones much less."""


def logistic(value: float) -> float:
    """Return 1 / (1 + e^-value), without an overflow."""
    return 1.0 / (1.0 + math.exp(-value)) if value > -_FAR else 0.0


_FAR = 80.0

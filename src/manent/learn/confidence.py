"""Converts scores to confidences on the scale of Rasa's classifiers. Projects chose their thresholds for that scale.

Rasa's DIETClassifier is overconfident: its confidence is 1.0 for its training examples, and above 0.9 for most other
messages, even if the prediction is wrong. A threshold of 0.8 in a project was chosen for such confidences. A `Scale`
maps the scores of the built-in classifier to such confidences. The calibrated probability (`calibration.py`) is a
different number.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Converts a text's scores to confidences.

    The confidence of a class is its softmax probability over all classes, times a factor. The factor depends on the
    lead of the best class over the background, a class of meaningless texts (`background_messages` in
    `nlu/classifier.py`).

    Attributes:
        sharpness: factor by which the scores are multiplied before the softmax, for one class; > 0.
        least_sharpness: minimum of that factor.
        slope: slope of the logistic curve over the lead of the best class, > 0.
        offset: lead at which the factor is one half, for one class.
        growth: increase of that lead if the number of classes is multiplied by e.
        decay: the sharpness is divided by this power of the number of classes. Scales in older models do not have this
            minimum.
    """

    sharpness: float
    least_sharpness: float
    slope: float
    offset: float
    growth: float
    decay: float = 1.0

    def sharpness_of(self, classes: int) -> float:
        """Return the factor by which the scores are multiplied before the softmax."""
        return float(max(self.sharpness / max(classes, 1) ** self.decay, self.least_sharpness))

    def middle_of(self, classes: int) -> float:
        """Return the lead at which the factor is one half.

        A single class counts as two, because it has no competitor.
        """
        return self.offset + self.growth * math.log(max(classes, 2))


DIET = Scale(sharpness=180.0, least_sharpness=2.0, slope=8.0, offset=-1.75, growth=0.35, decay=1.5)
"""Scale of DIETClassifier and ResponseSelector, fitted to the confidences of Rasa 3.6.21 by `bench/thresholds/fit.py`.

The offset is between the fitted -1.25 and -2.25 (`docs/lab/thresholds.md` compares them).

With this offset and this decay, new messages pass a threshold even in languages that the word vectors hardly cover, and
nonsense does not. It was measured with up to 25 classes. With a sharpness of less than 2, classifiers of many classes
would give their own examples less than 0.99.
"""


LOGISTIC = Scale(sharpness=2.0, least_sharpness=2.0, slope=4.0, offset=-1.25, growth=0.5)
"""Scale of LogisticRegressionClassifier, fitted in the same way.

Rasa gives its own examples 0.91 to 1.0, and new messages much less.
"""


def logistic(value: float) -> float:
    """Return 1 / (1 + e^-value), without an overflow."""
    return 1.0 / (1.0 + math.exp(-value)) if value > -_FAR else 0.0


_FAR = 80.0

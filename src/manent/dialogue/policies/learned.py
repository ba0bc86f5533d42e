"""The learned policy, which replaces TEDPolicy: for conversations that no story matches exactly.

Multinomial logistic regression over features of the recent states. A prediction must beat the core fallback. After an
intent that no story contains, it does not, as long as the fallback has its default threshold. If a message is similar
to a text of an end-to-end story, the policy uses that text instead of the intent.

Training is in `learned_training.py`; prediction only adds up rows of a matrix.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from manent.core.config_options import SHARE, TURNS, whole
from manent.core.tracker import Tracker
from manent.dialogue.policies.features import KnownTexts, Weighted, state_features
from manent.dialogue.policies.prediction import Prediction
from manent.dialogue.states import LISTEN, DialogState, History

PRIORITY = 1
DEFAULT_HISTORY = 5
DOUBT = 0.25
"""Factor of the confidence after an intent that no story contains: lowers it below the core fallback."""

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedOptions:
    """The policy's options in `config.yml`, with the same names. Options of neural networks have no effect.

    Attributes:
        max_history: number of newest states to use. None: `DEFAULT_HISTORY`.
        e2e_confidence_threshold: cosine from which a message counts as the text of a story.
    """

    max_history: Annotated[int | None, TURNS] = None
    e2e_confidence_threshold: Annotated[float, SHARE] = 0.5
    priority: Annotated[int, whole()] = PRIORITY

    @property
    def history(self) -> int:
        """The number of states to use."""
        return self.max_history or DEFAULT_HISTORY


class LinearModel:
    """Rows of weights by feature. `weights` (features, labels) float32; `bias` (labels,)."""

    def __init__(self, features: Iterable[str], labels: Iterable[str], weights: FloatArray, bias: FloatArray) -> None:
        self.features = tuple(features)
        self.labels = tuple(labels)
        self.weights = weights
        self.bias = bias
        self._rows = {name: row for row, name in enumerate(self.features)}

    def knows(self, feature: str) -> bool:
        """Return whether training data has this feature."""
        return feature in self._rows

    def chances(self, features: Weighted) -> FloatArray:
        """Return the probability of each label."""
        rows = self._rows
        known = {rows[name]: value for name, value in features.items() if name in rows}
        scores = self.bias
        if known:
            scores = scores + np.array([*known.values()], np.float32) @ self.weights.take([*known], axis=0)
        exponents = np.exp(scores - np.maximum.reduce(scores))
        return np.asarray(exponents / np.add.reduce(exponents), np.float32)


class LearnedPolicy:
    """Predicts from what stories have in common. Immutable in use.

    Args:
        name: name in `config.yml` (`TEDPolicy`, `SklearnPolicy`).
        texts: user texts of end-to-end stories.
    """

    def __init__(self, name: str, options: LearnedOptions, model: LinearModel, texts: KnownTexts) -> None:
        self.name = name
        self.options = options
        self.model = model
        self.texts = texts
        self.priority = options.priority
        self.yields = not texts.texts  # a prediction by text beats surer ones
        self.history_needed = options.history + 1

    def predict(self, tracker: Tracker, history: History) -> Prediction:
        """Predict the likeliest action. Uses the text of the latest message if a story has a similar one."""
        by_text = False
        if tracker.latest_action_name == LISTEN and self.texts.texts:
            message = tracker.state.latest_message
            _, similarity = self.texts.nearest((message.text or "") if message is not None else "")
            by_text = similarity >= self.options.e2e_confidence_threshold
        states = history.shown(use_text=by_text, most=self.options.history)
        chances = self.model.chances(
            state_features(states, self.texts, least_similarity=self.options.e2e_confidence_threshold)
        )
        if not by_text and not self._is_familiar(states[-1]):
            chances *= DOUBT
        labels, confidences = self.model.labels, chances.tolist()
        best, *others = chances.argsort()[:-11:-1].tolist()
        return Prediction(
            action=labels[best],
            confidence=confidences[best],
            policy=self.name,
            priority=self.priority,
            others={labels[each]: confidences[each] for each in others},
            is_end_to_end=by_text,
        )

    def _is_familiar(self, state: DialogState) -> bool:
        """Return whether a story contains this intent, if there is a message to answer."""
        return state.previous != LISTEN or (state.intent is not None and self.model.knows(f"0i={state.intent}"))

"""The learned policy, which replaces TEDPolicy.

It also makes predictions for conversations that do not match a story exactly.

Multinomial logistic regression over features of the recent states. Two rules change the predicted probabilities:

- *Actions that stories show.* The stories show which actions follow a message with this intent, or a certain action.
  The probabilities of all other actions are multiplied by 0.1. If no story listens at this point, the probability of
  listening becomes 0. The policy therefore does not listen directly after a message or a form if a story continues
  there.
- *Unknown intents.* If no story contains the intent, the confidences are multiplied by 0.25, so that the core fallback
  wins. If the core fallback would send nothing, the policy instead raises its confidence above that of the fallback.
  With `constrain_similarities`, it raises the confidence only after known intents, as Rasa's TEDPolicy does.

If a message is similar to a text of an end-to-end story, the policy uses that text instead of the intent.

`learned_training.py` trains the policy. A prediction only adds rows of a matrix.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from manent.core.config_options import FLAG, SHARE, TURNS, whole
from manent.core.tracker import Tracker
from manent.dialogue.policies.features import KnownTexts, Weighted, said_in, state_features
from manent.dialogue.policies.prediction import Prediction
from manent.dialogue.states import LISTEN, DialogState, History

PRIORITY = 1
DEFAULT_HISTORY = 5
DOUBT = 0.25
"""Factor for predictions after an intent that no story contains. This factor makes the core fallback win."""

_NO_CLAIM = 0.1
"""Factor for actions that never follow the last step in the stories."""

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedOptions:
    """The policy's options in `config.yml`, with the same names. Options of neural networks are ignored.

    Attributes:
        max_history: number of newest states to use. None: `DEFAULT_HISTORY`.
        e2e_confidence_threshold: minimum cosine, in [0, 1], at which a message counts as the text of a story.
        constrain_similarities: whether intents that no story contains lead to the core fallback, even if the core
            fallback has no response.
    """

    max_history: Annotated[int | None, TURNS] = None
    e2e_confidence_threshold: Annotated[float, SHARE] = 0.5
    constrain_similarities: Annotated[bool, FLAG] = False
    priority: Annotated[int, whole()] = PRIORITY

    @property
    def history(self) -> int:
        """Return the number of states to use."""
        return self.max_history or DEFAULT_HISTORY


class LinearModel:
    """A linear model with a row of weights for each feature.

    Args:
        features: names of the features.
        labels: the values that the model predicts.
        weights: (features, labels) float32.
        bias: (labels,) float32.
    """

    def __init__(self, features: Iterable[str], labels: Iterable[str], weights: FloatArray, bias: FloatArray) -> None:
        self.features = tuple(features)
        self.labels = tuple(labels)
        self.weights = weights
        self.bias = bias
        self._rows = {name: row for row, name in enumerate(self.features)}

    def __contains__(self, feature: object) -> bool:
        """Return whether the training data contain this feature."""
        return feature in self._rows

    def chances(self, features: Weighted) -> FloatArray:
        """Return the probability of each label, (labels,) float32."""
        rows = self._rows
        known = {rows[name]: value for name, value in features.items() if name in rows}
        scores = self.bias
        if known:
            scores = scores + np.array([*known.values()], np.float32) @ self.weights.take([*known], axis=0)
        exponents = np.exp(scores - np.maximum.reduce(scores))
        return np.asarray(exponents / np.add.reduce(exponents), np.float32)


class LearnedPolicy:
    """Predicts from the regularities in the stories. It does not change after training.

    Args:
        name: name of the policy in `config.yml` (`TEDPolicy`, `SklearnPolicy`).
        options: options of the policy in `config.yml`.
        model: linear model whose labels are actions.
        texts: user texts of end-to-end stories.
        follows: `cue` of the last step → actions that follow this step in the stories.
        least: minimum confidence of a prediction other than listening, in [0, 1]. It is above 0 if the core fallback
            would send nothing, so that the policy answers every message. With `constrain_similarities`, it does not
            answer messages with unknown intents.
    """

    def __init__(
        self,
        name: str,
        options: LearnedOptions,
        model: LinearModel,
        texts: KnownTexts,
        follows: Mapping[str, Iterable[str]],
        *,
        least: float = 0.0,
    ) -> None:
        self.name = name
        self.options = options
        self.model = model
        self.texts = texts
        self.follows = {cue: tuple(actions) for cue, actions in follows.items()}
        self.least = least
        self.speaks_last = least > 0
        self.priority = options.priority
        self.yields = not texts.texts  # a prediction from a text outranks a more confident one from an intent
        self.history_needed = options.history + 1
        self._places = {label: place for place, label in enumerate(model.labels)}
        self._claims = {cue: self._claim(actions) for cue, actions in self.follows.items()}
        self._any_action = self._claim(label for label in model.labels if label != LISTEN)

    def _claim(self, actions: Iterable[str]) -> FloatArray:
        """Return a factor for each label: 1 for these actions, `_NO_CLAIM` for all others, and 0 for listening."""
        wanted = frozenset(actions)
        factors = [1.0 if each in wanted else 0.0 if each == LISTEN else _NO_CLAIM for each in self.model.labels]
        return np.array(factors, np.float32)

    def predict(self, tracker: Tracker, history: History) -> Prediction:
        """Predict the likeliest action. Use the text of the latest message if a story contains a similar text."""
        answers = tracker.latest_action_name == LISTEN  # the latest message is unanswered
        by_text = False
        if answers and self.texts.texts:
            message = tracker.state.latest_message
            _, similarity = self.texts.nearest((message.text or "") if message is not None else "")
            by_text = similarity >= self.options.e2e_confidence_threshold
        states = history.shown(use_text=by_text, most=self.options.history)
        chances = self._chances(states, answers=answers)
        if self.speaks_last and tracker.declined in self._places:
            chances[self._places[tracker.declined]] = 0.0
        is_unknown = answers and not by_text and not self._is_familiar(states[-1])
        is_doubtful = is_unknown and (not self.speaks_last or self.options.constrain_similarities)
        if is_doubtful:
            chances *= np.float32(DOUBT)
        labels, confidences = self.model.labels, chances.tolist()
        best, *others = chances.argsort()[:-11:-1].tolist()
        confidence = confidences[best]
        if labels[best] != LISTEN and not is_doubtful:
            confidence = max(confidence, self.least)
        return Prediction(
            action=labels[best],
            confidence=confidence,
            policy=self.name,
            priority=self.priority,
            others={labels[each]: confidences[each] for each in others},
            is_end_to_end=by_text,
        )

    def _chances(self, states: Sequence[DialogState], *, answers: bool) -> FloatArray:
        """Return the probability of each action, reduced for actions that no story shows here."""
        least = self.options.e2e_confidence_threshold
        chances = self.model.chances(state_features(states, self.texts, least_similarity=least, known=self.model))
        factors = self._claims.get(cue(states[-1], self.texts, least, answers=answers))
        if factors is None and answers:
            factors = self._any_action
        if factors is None:
            return chances
        claimed = chances * factors
        total = np.add.reduce(claimed)
        return claimed / total if total > 0 else chances

    def _is_familiar(self, state: DialogState) -> bool:
        """Return whether a story contains the intent of the latest message."""
        return state.intent is not None and f"0i={state.intent}" in self.model


def cue(state: DialogState, texts: KnownTexts, least_similarity: float, *, answers: bool) -> str:
    """Return the name of the message or action directly before the next action.

    Args:
        state: the current state.
        texts: user texts of end-to-end stories.
        least_similarity: minimum cosine, in [0, 1], at which a message counts as one of the texts.
        answers: whether the next action follows a message (True) or another action (False).
    """
    if answers:
        return f"{LISTEN}|{said_in(state, texts, least_similarity)}"
    return f"{state.previous}|{state.loop}"

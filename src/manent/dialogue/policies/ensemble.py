"""The ensemble: calls the policies and selects one prediction (contract §5.2)."""

from collections.abc import Sequence

import msgspec

from manent.core.domain import Domain
from manent.core.errors import ModelError
from manent.core.events import DefinePrevUserUtteredFeaturization, Event
from manent.core.tracker import Tracker
from manent.dialogue.policies.prediction import Policy, Prediction
from manent.dialogue.states import LISTEN, Featurizer, History, history_of

_BY_INTENT = DefinePrevUserUtteredFeaturization(use_text_for_featurization=False)
_BY_TEXT = DefinePrevUserUtteredFeaturization(use_text_for_featurization=True)


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The next action and the prediction that selected it.

    Attributes:
        events: events to record before the action.
        prediction: the selected prediction. None: no policy was called.
    """

    action: str
    policy: str | None
    confidence: float
    hide_turn: bool = False
    events: tuple[Event, ...] = ()
    prediction: Prediction | None = None

    @property
    def scores(self) -> dict[str, float]:
        """Action → confidence, without zeros (`…/predict`)."""
        made = self.prediction
        if made is None:
            return {}
        return dict(made.others) if made.action is None else {**made.others, made.action: made.confidence}


class Ensemble:
    """All policies of an assistant, in the order of `config.yml`. It does not change after it is created."""

    def __init__(self, domain: Domain, policies: Sequence[Policy], featurizer: Featurizer) -> None:
        self.policies = tuple(policies)
        self._by_priority = tuple(sorted(self.policies, key=lambda policy: -policy.priority))
        self._featurizer = featurizer
        self._index = domain.action_index

    def choose(self, tracker: Tracker) -> Choice:
        """Choose the next action. An action that has just refused to run cannot be chosen.

        Raises:
            ModelError: `model_without_dialogue`: the model has no policies.
        """
        best, events = self._ask(tracker, history_of(tracker, self._featurizer))
        if tracker.latest_action_name == LISTEN:
            events = (*events, _BY_TEXT if best.is_end_to_end else _BY_INTENT)
        return Choice(
            action=LISTEN if best.action is None else best.action,  # no policy predicts an action: listen
            policy=best.policy,
            confidence=best.confidence,
            hide_turn=best.hide_turn,
            events=events,
            prediction=best,
        )

    def _ask(self, tracker: Tracker, history: History) -> tuple[Prediction, tuple[Event, ...]]:
        """Return the best prediction. Also return the events that all predictions contain."""
        best: Prediction | None = None
        is_settled = False  # if the best prediction is certain, policies with `yields` are skipped
        events: tuple[Event, ...] = ()
        for policy in self._by_priority:
            if is_settled and policy.yields:
                continue
            prediction = policy.predict(tracker, history)
            if tracker.declined is not None:
                prediction = self._without(prediction, tracker.declined)
            if prediction.events:
                events = (*events, *prediction.events)
            if best is None or _rank(prediction) > _rank(best):
                best = prediction
                is_settled = best.confidence >= 1.0 or _standing(best) > 0
        if best is None:
            raise ModelError(
                "model_without_dialogue",
                "the model contains no policies, so it cannot predict actions; train with `manent train` or `manent "
                "train core`",
            )
        return best, events

    def _without(self, prediction: Prediction, action: str) -> Prediction:
        others = {name: confidence for name, confidence in prediction.others.items() if name != action}
        if prediction.action != action:
            return msgspec.structs.replace(prediction, others=others)
        best = max(others, key=lambda name: (others[name], -self._index.get(name, 0)), default=None)
        return msgspec.structs.replace(
            prediction,
            action=best,
            confidence=others[best] if best is not None else 0.0,
            others=others,
        )


def _standing(prediction: Prediction) -> int:
    """Return the rank of a prediction. The ensemble compares ranks before it compares confidences.

    Predictions that are independent of the user's message have the highest rank. Predictions from the user's text have
    the next rank, and all others have the lowest.
    """
    if prediction.is_no_user:
        return 2
    return 1 if prediction.is_end_to_end and prediction.action is not None else 0


def _rank(prediction: Prediction) -> tuple[int, float, int]:
    return _standing(prediction), prediction.confidence, prediction.priority

"""The ensemble: asks every policy and picks one prediction (contract §5.2)."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from manent.core.domain import Domain
from manent.core.events import ActionExecuted, ActionExecutionRejected, DefinePrevUserUtteredFeaturization, Event
from manent.core.tracker import Tracker
from manent.dialogue.policies.prediction import Policy, Prediction
from manent.dialogue.states import LISTEN, Featurizer, history_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The next action and who predicted it.

    Attributes:
        events: to be recorded before the action.
        scores: confidence by action, as far as not 0 (`…/predict`).
    """

    action: str
    policy: str | None
    confidence: float
    hide_turn: bool = False
    events: tuple[Event, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)


class Ensemble:
    """All policies of an assistant, in the order of `config.yml`. Immutable in use."""

    def __init__(self, domain: Domain, policies: Sequence[Policy], featurizer: Featurizer) -> None:
        self.policies = tuple(policies)
        self._featurizer = featurizer
        self._index = domain.action_index

    def choose(self, tracker: Tracker) -> Choice:
        """Choose the next action. One that has just declined to run cannot be chosen."""
        rejected = _just_rejected(tracker)
        history = history_of(tracker, self._featurizer)
        predictions = [policy.predict(tracker, history) for policy in self.policies]
        if rejected is not None:
            predictions = [self._without(prediction, rejected) for prediction in predictions]
        events = tuple(event for prediction in predictions for event in prediction.events)
        running = [each for each in predictions if each.is_no_user] or [
            each for each in predictions if each.is_end_to_end and each.action is not None
        ]
        best = max(running or predictions, key=lambda each: (each.confidence, each.priority))
        if tracker.latest_action_name == LISTEN:
            events = (*events, DefinePrevUserUtteredFeaturization(use_text_for_featurization=best.is_end_to_end))
        action = best.action
        scores = dict(best.others)
        if action is None:  # nobody has an opinion: the first action there is
            action = LISTEN
        else:
            scores[action] = best.confidence
        return Choice(
            action=action,
            policy=best.policy,
            confidence=best.confidence,
            hide_turn=best.hide_turn,
            events=events,
            scores=scores,
        )

    def _without(self, prediction: Prediction, action: str) -> Prediction:
        others = {name: confidence for name, confidence in prediction.others.items() if name != action}
        if prediction.action != action:
            return dataclasses.replace(prediction, others=others)
        best = max(others, key=lambda name: (others[name], -self._index.get(name, 0)), default=None)
        return dataclasses.replace(
            prediction,
            action=best,
            confidence=others[best] if best is not None else 0.0,
            others=others,
        )


def _just_rejected(tracker: Tracker) -> str | None:
    for event in reversed(tracker.applied):
        match event:
            case ActionExecuted():
                return None
            case ActionExecutionRejected():
                return event.name
            case _:
                pass
    return None

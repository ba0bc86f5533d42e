"""The interface of policies, and their predictions. `ensemble.py` selects one prediction."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from manent.core.events import Event
from manent.core.tracker import Tracker
from manent.dialogue.states import History


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """A policy's prediction.

    This class is a msgspec struct because every step of a turn creates several predictions.

    Attributes:
        action: name (or end-to-end text) of the likeliest action. None: the policy does not predict.
        confidence: confidence of that action, in [0, 1].
        policy: name of the policy, as recorded in the log.
        priority: among predictions with equal confidence, the one with the highest priority wins.
        others: confidences of other actions, for `…/predict`.
        is_no_user: whether the prediction is independent of the last user message. Such a prediction wins over
            predictions that depend on the message.
        is_end_to_end: whether it is based on the user's text instead of the intent.
        hide_turn: whether policies that learn from stories must not see this turn, because the action comes from a rule
            that no story contains.
        events: events to record even if another prediction wins (`loop_interrupted`).
    """

    action: str | None
    confidence: float
    policy: str
    priority: int
    others: Mapping[str, float] = {}
    is_no_user: bool = False
    is_end_to_end: bool = False
    hide_turn: bool = False
    events: tuple[Event, ...] = ()


class Policy(Protocol):
    """Predicts the next action. It does not change after training."""

    @property
    def priority(self) -> int:
        """The priority of the policy's predictions."""

    @property
    def history_needed(self) -> int:
        """How many of the newest states the policy uses."""

    @property
    def yields(self) -> bool:
        """Whether this policy can be skipped if a policy of the same or a higher priority is certain.

        This is safe if its predictions win only by their confidence (at most 1.0) and have no events.
        """

    def predict(self, tracker: Tracker, history: History) -> Prediction:
        """Predict from a tracker and its history. The history must have processed all events."""

"""The interface of policies, and their predictions. `ensemble.py` selects one."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from manent.core.events import Event
from manent.core.tracker import Tracker
from manent.dialogue.states import History


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """The prediction of a policy. A struct, because every step of a turn creates some.

    Attributes:
        action: name (or end-to-end text) of the likeliest action. None: the policy does not predict.
        confidence: confidence of that action, in [0, 1].
        policy: name of the policy in the log.
        priority: decides between equal confidences; the higher one wins.
        others: confidences of other actions, for `…/predict`.
        is_no_user: whether the prediction is independent of the last user message. Such a prediction beats those that
            depend on it.
        is_end_to_end: whether it uses the user's text instead of the intent.
        hide_turn: whether the action comes from a rule that no story contains.
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
    """Predicts the next action. Immutable in use."""

    @property
    def priority(self) -> int:
        """The priority of its predictions."""

    @property
    def history_needed(self) -> int:
        """The number of newest states that it uses."""

    @property
    def yields(self) -> bool:
        """Whether it may be skipped if a policy of the same or a higher priority is certain.

        Its predictions win only by confidence, which is at most 1.0, and they have no events.
        """

    def predict(self, tracker: Tracker, history: History) -> Prediction:
        """Predict from a tracker and its history, which has processed all events."""

"""What a policy answers, and what the ensemble of policies asks it. See `ensemble.py` for who wins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from manent.core.events import Event
from manent.core.tracker import Tracker
from manent.dialogue.states import History


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a policy would do next.

    Attributes:
        action: name (or end-to-end text) of the likeliest action; None when the policy has no opinion.
        confidence: of that action, in [0, 1].
        policy: who predicts, as it stands in the log.
        priority: between equal confidences the higher one wins.
        others: confidences of further actions, for `…/predict`.
        is_no_user: the prediction does not depend on what the user said last; it beats those that do.
        is_end_to_end: it was made from the user's text rather than the intent.
        hide_turn: the action comes from a rule that no story contains.
        events: to be recorded whoever wins (`loop_interrupted`).
    """

    action: str | None
    confidence: float
    policy: str
    priority: int
    others: Mapping[str, float] = field(default_factory=dict)
    is_no_user: bool = False
    is_end_to_end: bool = False
    hide_turn: bool = False
    events: tuple[Event, ...] = ()


class Policy(Protocol):
    """Predicts the next action. Immutable in use."""

    @property
    def history_needed(self) -> int:
        """How many of the newest states it looks at."""

    def predict(self, tracker: Tracker, history: History) -> Prediction:
        """Predict from a tracker and its history (caught up)."""

"""What a policy answers, and what the ensemble of policies asks it. See `ensemble.py` for who wins."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from manent.core.events import Event
from manent.core.tracker import Tracker
from manent.dialogue.states import History


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy would do next. A struct, because every step of a turn makes some.

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
    others: Mapping[str, float] = {}
    is_no_user: bool = False
    is_end_to_end: bool = False
    hide_turn: bool = False
    events: tuple[Event, ...] = ()


class Policy(Protocol):
    """Predicts the next action. Immutable in use."""

    @property
    def priority(self) -> int:
        """Of its predictions."""

    @property
    def history_needed(self) -> int:
        """How many of the newest states it looks at."""

    @property
    def yields(self) -> bool:
        """Whether it need not be asked when another one, of its priority or a higher one, is sure.

        Nothing but the confidence of its predictions counts, which is 1.0 at most: they overrule no surer one, and
        have no events.
        """

    def predict(self, tracker: Tracker, history: History) -> Prediction:
        """Predict from a tracker and its history (caught up)."""

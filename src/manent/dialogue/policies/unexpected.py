"""UnexpecTEDIntentPolicy: detects a message that no story contains at this point.

It predicts `action_unlikely_intent`, an action that has no effect except its entry in the log. The action is predicted
if, after the previous states, another intent is likelier by a greater factor than in any story. The prediction wins
only if neither a rule nor a memorized story predicts an action.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from manent.core.config_options import NAMES, SHARE, TURNS, whole
from manent.core.tracker import Tracker
from manent.dialogue.policies.features import KnownTexts, context_features
from manent.dialogue.policies.learned import DEFAULT_HISTORY, LinearModel
from manent.dialogue.policies.prediction import Prediction
from manent.dialogue.policies.rule import INTENT_ACTIONS
from manent.dialogue.states import LISTEN, UNLIKELY, History

PRIORITY = 2
MOST = 0.03
"""An intent is unexpected only if its probability is less than this share of the likeliest intent's probability."""
SLACK = 0.5
"""An intent is unexpected only if its share is also less than this factor times its lowest share in the stories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnexpectedOptions:
    """The policy's options in `config.yml`, with the same names.

    Attributes:
        tolerance: in [0, 1]. The higher the tolerance, the fewer messages are unexpected. With 1, every message is
            expected.
    """

    max_history: Annotated[int | None, TURNS] = None
    tolerance: Annotated[float, SHARE] = 0.0
    ignore_intents_list: Annotated[tuple[str, ...], NAMES] = ()
    priority: Annotated[int, whole()] = PRIORITY

    @property
    def history(self) -> int:
        """How many of the newest states the policy uses."""
        return self.max_history or DEFAULT_HISTORY


class UnexpectedIntentPolicy:
    """Predicts `action_unlikely_intent` or nothing. It does not change after training.

    Args:
        model: model whose labels are intents.
        lowest: intent → its lowest share in the stories. The share is the probability of the intent divided by the
            probability of the likeliest intent.
    """

    name = "UnexpecTEDIntentPolicy"
    yields = True

    def __init__(
        self, options: UnexpectedOptions, model: LinearModel, texts: KnownTexts, lowest: Mapping[str, float]
    ) -> None:
        self.options = options
        self.model = model
        self.texts = texts
        self.lowest = dict(lowest)
        self.priority = options.priority
        self.history_needed = options.history + 1

    def predict(self, tracker: Tracker, history: History) -> Prediction:
        """Predict `action_unlikely_intent` directly after an unexpected message, and no action at any other time."""
        is_unexpected = tracker.latest_action_name == LISTEN and self._is_unexpected(tracker, history)
        return Prediction(
            action=UNLIKELY if is_unexpected else None,
            confidence=1.0 if is_unexpected else 0.0,
            policy=self.name,
            priority=self.priority,
        )

    def _is_unexpected(self, tracker: Tracker, history: History) -> bool:
        message = tracker.state.latest_message
        intent = message.intent if message is not None else None
        lowest = self.lowest.get(intent or "")
        if lowest is None or intent in INTENT_ACTIONS or intent in self.options.ignore_intents_list:
            return False
        states = history.shown(most=self.options.history)
        chances = self.model.chances(context_features(states, self.texts, least_similarity=0.5, known=self.model))
        share = float(chances[self.model.labels.index(intent or "")] / chances.max())
        return share < min(MOST, lowest * SLACK) * (1 - self.options.tolerance)

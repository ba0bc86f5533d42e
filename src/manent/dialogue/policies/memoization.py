"""MemoizationPolicy and AugmentedMemoizationPolicy: predict for conversations that match a story (contract §5.3).

A key consists of the numbers of the last `max_history` states, or of all states if `max_history` is None. Each state in
the stories has a number. Any other state has no number, so a key that contains it matches nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from manent.core.config_options import FLAG, TURNS, whole
from manent.core.events import ActionExecuted
from manent.core.tracker import Tracker
from manent.dialogue.policies.prediction import Prediction
from manent.dialogue.policies.rule import nlu_confidence
from manent.dialogue.states import LISTEN, DialogState, History

PRIORITY = 3
_REACH = 2
"""AugmentedMemoizationPolicy looks back at most this number of actions beyond `max_history`, including hidden actions.

Rasa uses the same number.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoizationOptions:
    """The policy's options in `config.yml`, with the same names.

    If `max_history` is None, the policy uses the whole conversation.
    """

    max_history: Annotated[int | None, TURNS] = None
    use_nlu_confidence_as_score: Annotated[bool, FLAG] = False
    priority: Annotated[int, whole()] = PRIORITY


class MemoizationPolicy:
    """Predicts from memorized stories. It does not change after training.

    Args:
        states: known states. The number of a state is its index.
        entries: (numbers of the states, oldest first) → action.
        forgets: whether to ignore the start of the conversation, one action after another, until the rest matches a
            story.
    """

    def __init__(
        self,
        options: MemoizationOptions,
        states: Iterable[DialogState],
        entries: Mapping[tuple[int, ...], str],
        *,
        forgets: bool = False,
    ) -> None:
        self.options = options
        self.states = tuple(states)
        self.entries = dict(entries)
        self.forgets = forgets
        self.name = "AugmentedMemoizationPolicy" if forgets else "MemoizationPolicy"
        self.priority = options.priority
        self.yields = not options.use_nlu_confidence_as_score
        self._unknown = Prediction(action=None, confidence=0.0, policy=self.name, priority=self.priority)
        self._numbers = {state: number for number, state in enumerate(self.states)}
        self._longest = max(map(len, self.entries), default=0)
        self._endings = {(state.previous, state.intent, state.text) for state in self.states}
        self.history_needed = min(options.max_history or self._longest, self._longest) + 1

    def predict(self, tracker: Tracker, history: History) -> Prediction:
        """Predict the next action of the story that the conversation matches."""
        if not self.entries:
            return self._unknown
        most = self.options.max_history
        visible = history.shown(most=most)
        action = self._recall(visible) if history.whole or most is not None else None
        if action is None and self.forgets:
            action = self._recall_part(tracker, history, visible[-1])
        if action is None:
            return self._unknown
        confidence = 1.0
        if self.options.use_nlu_confidence_as_score and tracker.latest_action_name == LISTEN:
            confidence = nlu_confidence(tracker)
        return Prediction(action=action, confidence=confidence, policy=self.name, priority=self.priority)

    def _recall(self, states: Sequence[DialogState]) -> str | None:
        if len(states) > self._longest:
            return None
        key: list[int] = []
        for state in reversed(states):  # start with the newest state, because it is the most likely to be unknown
            number = self._numbers.get(state)
            if number is None:
                return None
            key.append(number)
        return self.entries.get(tuple(reversed(key)))

    def _recall_part(self, tracker: Tracker, history: History, last: DialogState) -> str | None:
        """Look up the conversation as if it started at one of its recent actions. Try the oldest action first."""
        if (last.previous, last.intent, last.text) not in self._endings:
            return None
        answers = tracker.latest_action_name == LISTEN  # the latest message is unanswered
        starts = [index for index, event in enumerate(tracker.applied) if isinstance(event, ActionExecuted)]
        most = self.options.max_history
        part = History(history.featurizer)
        for start in starts if most is None else starts[-most - _REACH :]:
            part.fold(tracker.applied[start:])
            states = part.shown(most=most)
            action = self._recall(states)
            if action == LISTEN and answers and states[-1].previous != LISTEN:
                continue  # this action ended an earlier turn, which is hidden because it comes from a rule
            if action is not None:
                return action
        return None

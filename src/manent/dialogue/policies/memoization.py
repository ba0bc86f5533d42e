"""MemoizationPolicy and AugmentedMemoizationPolicy: conversations that go exactly as a story (contract §5.3).

A key is the last `max_history` states (all of them when unlimited), as numbers of known states; a state that no story
has gets no number, and nothing matches it.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from manent.core.events import ActionExecuted, ActiveLoop, Event, SlotSet
from manent.core.tracker import Tracker
from manent.dialogue.policies.prediction import Prediction
from manent.dialogue.policies.rule import nlu_confidence
from manent.dialogue.states import LISTEN, DialogState, History

PRIORITY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoizationOptions:
    """The policy's options in `config.yml`, under their names there. `max_history` None: the whole conversation."""

    max_history: int | None = None
    use_nlu_confidence_as_score: bool = False
    priority: int = PRIORITY


class MemoizationPolicy:
    """Remembers stories. Immutable in use.

    Args:
        states: known states; a state's number is its place.
        entries: (numbers of the states, oldest first) → action.
        forgets: let go of the conversation's beginning, action by action, until the rest is a known story's.
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
        self._numbers = {state: number for number, state in enumerate(self.states)}
        self._longest = max(map(len, self.entries), default=0)
        self._endings = {(state.previous, state.intent, state.text) for state in self.states}
        self.history_needed = min(options.max_history or self._longest, self._longest) + 1

    def predict(self, tracker: Tracker, history: History) -> Prediction:
        """Predict the action of the story that the conversation follows."""
        if not self.entries:
            return Prediction(action=None, confidence=0.0, policy=self.name, priority=self.options.priority)
        visible = history.shown()
        whole = history.whole
        if self.options.max_history is not None:
            whole = True
            visible = visible[-self.options.max_history :]
        action = self._recall(visible) if whole else None
        if action is None and self.forgets:
            action = self._recall_part(tracker, history, visible[-1])
        confidence = 0.0 if action is None else 1.0
        if action is not None and self.options.use_nlu_confidence_as_score and tracker.latest_action_name == LISTEN:
            confidence = nlu_confidence(tracker)
        return Prediction(action=action, confidence=confidence, policy=self.name, priority=self.options.priority)

    def _recall(self, states: list[DialogState]) -> str | None:
        if len(states) > self._longest:
            return None
        numbers = self._numbers
        key = tuple(numbers.get(state, -1) for state in states)
        return self.entries.get(key)

    def _recall_part(self, tracker: Tracker, history: History, last: DialogState) -> str | None:
        """Recall as if the conversation had begun at one of its recent actions, the oldest first.

        What only rules know of is not left out here: a turn of theirs may be what a story is taken up after.
        """
        if (last.previous, last.intent, last.text) not in self._endings:
            return None
        limit = min(self.options.max_history or self._longest, self._longest)
        part = History(history.featurizer)
        for start in self._starts(tracker.applied, limit):
            part.fold(tracker.applied[start:])
            states = [*part.full, part.current()]
            action = self._recall(states if self.options.max_history is None else states[-limit:])
            if action is not None:
                return action
        return None

    def _starts(self, applied: Sequence[Event], limit: int) -> list[int]:
        """Return the places of the actions to begin at: those after which the newest states may look otherwise."""
        starts = [index for index, event in enumerate(applied) if isinstance(event, ActionExecuted)]
        if self.options.max_history is None:  # no state may be too many
            return starts[-limit:]
        near = 2 * limit  # the message that the oldest of the states knows came before the actions that answered it
        changing = [
            start
            for before, start in itertools.pairwise(starts[:-near])
            if any(isinstance(event, SlotSet | ActiveLoop) for event in applied[before:start])
        ]
        return [*changing, *starts[-near:]]

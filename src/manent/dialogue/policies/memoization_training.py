"""Trains the memoization policies.

Each step of a story becomes an entry (states → action). Ambiguous entries are dropped.
"""

from collections.abc import Iterable

from manent.core.domain import Domain
from manent.core.events import ActionExecuted
from manent.core.tracker import Tracker
from manent.dialogue.policies.memoization import MemoizationOptions, MemoizationPolicy
from manent.dialogue.states import DialogState, Featurizer, history_of
from manent.dialogue.stories import Sequence


def train_memoization(
    domain: Domain, featurizer: Featurizer, options: MemoizationOptions, stories: Iterable[Sequence], *, forgets: bool
) -> MemoizationPolicy:
    """Memorize the next action at each point of every story."""
    numbers: dict[DialogState, int] = {}
    entries: dict[tuple[int, ...], str | None] = {}
    for story in stories:
        # The tracker removes turns that only answer a form, as it does in a conversation.
        tracker = Tracker(sender_id="training", domain=domain)
        for event in story.events:
            tracker.update(event)
        history = history_of(tracker, featurizer)
        actions = [event for event in tracker.applied if isinstance(event, ActionExecuted)]
        keys = [numbers.setdefault(state, len(numbers)) for state in history.visible]
        if len(keys) != len(actions):  # the story contains `action_unlikely_intent`, which has no state
            actions = [event for event in actions if event.name != "action_unlikely_intent"]
        for end, action in enumerate(actions, start=1):
            if end == 1:
                continue  # no policy predicts the action that begins a story
            start = 0 if options.max_history is None else max(0, end - options.max_history)
            key = tuple(keys[start:end])
            name = action.name or action.action_text
            if entries.setdefault(key, name) != name:
                entries[key] = None
    known = {key: name for key, name in entries.items() if name is not None}
    return MemoizationPolicy(options, numbers, known, forgets=forgets)

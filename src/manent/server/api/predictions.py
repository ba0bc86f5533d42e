"""Predicts the next action for requests of the management API."""

import msgspec

from manent.core.events import Json
from manent.core.tracker import Tracker
from manent.runtime.assistant import Assistant
from manent.server.api.trackers import Tracker as ShownTracker

_UNLISTED = frozenset({"action_send_text", "action_validate_slot_mappings"})
"""Built-in actions whose scores are returned only if the domain declares them."""

PLACEHOLDER = "..."
"""The placeholder `...` in rules. Rasa lists it as an action, so the scores contain it, before `FOLLOWING`."""
FOLLOWING = "action_extract_slots"


class Score(msgspec.Struct, kw_only=True):
    """The policies' score for an action, in [0, 1]."""

    action: str
    score: float


class Prediction(msgspec.Struct, kw_only=True):
    """The prediction of the next action."""

    scores: list[Score]
    policy: str | None
    confidence: float
    tracker: ShownTracker


def predict(assistant: Assistant, tracker: Tracker) -> Json:
    """Return `scores` (in the order of the actions), `policy` and `confidence`. This does not change the tracker."""
    choice = assistant.dialogue.ensemble.choose(tracker)
    domain = assistant.domain
    names = [name for name in domain.action_names if name not in _UNLISTED or name in domain.actions]
    names.insert(names.index(FOLLOWING), PLACEHOLDER)
    scores = [{"action": name, "score": choice.scores.get(name, 0.0)} for name in names]
    return {"scores": scores, "policy": choice.policy, "confidence": choice.confidence}

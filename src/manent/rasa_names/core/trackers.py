"""Stand-ins for `rasa.core.trackers`, the location of this class in Rasa 1."""

from manent.rasa_names.shared.core.trackers import DialogueStateTracker, EventVerbosity

__all__ = ["DialogueStateTracker", "EventVerbosity"]

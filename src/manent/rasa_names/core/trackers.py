"""Stand-ins for `rasa.core.trackers`, where Rasa 1 had this class."""

from manent.rasa_names.shared.core.trackers import DialogueStateTracker

__all__ = ["DialogueStateTracker"]

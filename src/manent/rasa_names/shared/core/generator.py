"""Stand-ins for `rasa.shared.core.generator`."""

from manent.rasa_names.shared.core.trackers import DialogueStateTracker


class TrackerWithCachedStates(DialogueStateTracker):
    """A story, in the training."""

"""Stand-ins for `rasa.shared.core.generator`."""

from manent.rasa_names.shared.core.trackers import DialogueStateTracker


class TrackerWithCachedStates(DialogueStateTracker):
    """The tracker of a story during training."""

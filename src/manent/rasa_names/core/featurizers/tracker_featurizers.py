"""Stand-ins for `rasa.core.featurizers.tracker_featurizers`, which policies name in annotations."""


class TrackerFeaturizer:
    """Described conversations by numbers. Policies get None instead."""


class MaxHistoryTrackerFeaturizer(TrackerFeaturizer):
    """Described the newest states of conversations."""

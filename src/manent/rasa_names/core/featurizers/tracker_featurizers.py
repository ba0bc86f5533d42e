"""Stand-ins for `rasa.core.featurizers.tracker_featurizers`, which policies use in annotations."""


class TrackerFeaturizer:
    """Converts conversations to numbers in Rasa. In Manent, policies receive None instead."""


class MaxHistoryTrackerFeaturizer(TrackerFeaturizer):
    """Converts the newest states of conversations to numbers in Rasa."""

"""Stand-ins for `rasa.core.featurizers.tracker_featurizers`, which policies use in annotations."""


class TrackerFeaturizer:
    """In Rasa, converts conversations to numbers. In Manent, policies receive None instead."""


class MaxHistoryTrackerFeaturizer(TrackerFeaturizer):
    """In Rasa, converts the newest states of conversations to numbers."""


class FullDialogueTrackerFeaturizer(TrackerFeaturizer):
    """In Rasa, converts all states of conversations to numbers."""


class IntentMaxHistoryTrackerFeaturizer(MaxHistoryTrackerFeaturizer):
    """In Rasa, converts the newest states of conversations to numbers that predict the intent."""

"""Stand-ins for `rasa.core.featurizers.single_state_featurizer`, which policies use in annotations."""


class SingleStateFeaturizer:
    """In Rasa, converts one state of a conversation to numbers. In Manent, policies receive None instead."""

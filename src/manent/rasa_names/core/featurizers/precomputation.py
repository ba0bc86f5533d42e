"""Stand-ins for `rasa.core.featurizers.precomputation`, which policies use in annotations."""


class MessageContainerForCoreFeaturization:
    """Contains the features of messages in Rasa. In Manent, policies receive None instead."""

"""Stand-ins for `rasa.core.featurizers.precomputation`, which policies use in annotations."""


class MessageContainerForCoreFeaturization:
    """In Rasa, contains the features of messages. In Manent, policies receive None instead."""

"""Stand-ins for `rasa.core.featurizers.precomputation`, which policies name in annotations."""


class MessageContainerForCoreFeaturization:
    """Held the features of messages. Policies get None instead."""

"""Stand-ins for `rasa.nlu.featurizers.dense_featurizer.dense_featurizer`."""

from manent.rasa_names.nlu.featurizers.featurizer import DenseFeaturizer

__all__ = ["DenseFeaturizer"]

"""Stand-ins for `rasa.nlu.featurizers.sparse_featurizer.sparse_featurizer`."""

from manent.rasa_names.nlu.featurizers.featurizer import SparseFeaturizer

__all__ = ["SparseFeaturizer"]

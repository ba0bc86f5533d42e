"""Stand-ins for `rasa.nlu.featurizers.sparse_featurizer.count_vectors_featurizer`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.featurizers.featurizer import SparseFeaturizer

CountVectorsFeaturizer = built_in("CountVectorsFeaturizer", SparseFeaturizer)

"""Stand-ins for `rasa.nlu.featurizers.dense_featurizer.mitie_featurizer`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.featurizers.featurizer import DenseFeaturizer

MitieFeaturizer = built_in("MitieFeaturizer", DenseFeaturizer)

"""Stand-ins for `rasa.nlu.featurizers.dense_featurizer.spacy_featurizer`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.featurizers.featurizer import DenseFeaturizer

SpacyFeaturizer = built_in("SpacyFeaturizer", DenseFeaturizer)

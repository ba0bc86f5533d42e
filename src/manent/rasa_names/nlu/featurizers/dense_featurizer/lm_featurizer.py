"""Stand-ins for `rasa.nlu.featurizers.dense_featurizer.lm_featurizer`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.featurizers.featurizer import DenseFeaturizer

LanguageModelFeaturizer = built_in("LanguageModelFeaturizer", DenseFeaturizer)

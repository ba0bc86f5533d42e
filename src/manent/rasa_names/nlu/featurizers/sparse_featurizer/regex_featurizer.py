"""Stand-ins for `rasa.nlu.featurizers.sparse_featurizer.regex_featurizer`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.featurizers.featurizer import SparseFeaturizer

RegexFeaturizer = built_in("RegexFeaturizer", SparseFeaturizer)

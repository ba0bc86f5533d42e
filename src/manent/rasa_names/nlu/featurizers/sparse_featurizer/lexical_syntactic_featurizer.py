"""Stand-ins for `rasa.nlu.featurizers.sparse_featurizer.lexical_syntactic_featurizer`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.featurizers.featurizer import SparseFeaturizer

LexicalSyntacticFeaturizer = built_in("LexicalSyntacticFeaturizer", SparseFeaturizer)

"""Stand-ins for `rasa.nlu.featurizers.sparse_featurizer`."""

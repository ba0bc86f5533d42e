"""Stand-ins for `rasa.nlu.featurizers.dense_featurizer`."""

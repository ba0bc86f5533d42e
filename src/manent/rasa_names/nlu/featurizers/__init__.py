"""Stand-ins for `rasa.nlu.featurizers`."""

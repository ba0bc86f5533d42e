"""Stand-ins for `rasa.core.featurizers`."""

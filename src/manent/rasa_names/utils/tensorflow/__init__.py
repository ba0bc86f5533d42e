"""Stand-ins for `rasa.utils.tensorflow`."""

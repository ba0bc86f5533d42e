"""Stand-ins for `rasa.nlu.extractors`."""

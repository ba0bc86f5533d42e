"""Stand-ins for `rasa.nlu`."""

"""Stand-ins for `rasa.shared.nlu`."""

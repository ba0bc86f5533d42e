"""Stand-ins for `rasa.shared`."""

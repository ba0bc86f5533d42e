"""Stand-ins for `rasa.utils`."""

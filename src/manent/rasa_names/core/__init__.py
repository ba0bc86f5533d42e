"""Stand-ins for `rasa.core`."""

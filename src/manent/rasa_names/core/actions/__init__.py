"""Stand-ins for `rasa.core.actions`."""

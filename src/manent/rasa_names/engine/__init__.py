"""Stand-ins for `rasa.engine`."""

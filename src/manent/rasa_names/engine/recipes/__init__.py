"""Stand-ins for `rasa.engine.recipes`."""

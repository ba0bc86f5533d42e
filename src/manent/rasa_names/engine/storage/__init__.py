"""Stand-ins for `rasa.engine.storage`."""

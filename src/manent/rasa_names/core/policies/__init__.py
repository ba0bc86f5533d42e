"""Stand-ins for `rasa.core.policies`."""

"""Stand-ins for `rasa.shared.utils`."""

"""Stand-ins for `rasa.shared.core`."""

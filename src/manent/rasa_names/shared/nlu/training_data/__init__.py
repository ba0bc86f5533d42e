"""Stand-ins for `rasa.shared.nlu.training_data`."""

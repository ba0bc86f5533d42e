"""Stand-ins for `rasa.nlu.training_data.features`."""

from manent.rasa_names.shared.nlu.training_data.features import Features

__all__ = ["Features"]

"""Stand-ins for `rasa.nlu.training_data.training_data`."""

from manent.rasa_names.shared.nlu.training_data.training_data import TrainingData

__all__ = ["TrainingData"]

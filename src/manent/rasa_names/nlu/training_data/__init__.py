"""Stand-ins for `rasa.nlu.training_data`, where Rasa 1 had these classes."""

from manent.rasa_names.shared.nlu.training_data.message import Message
from manent.rasa_names.shared.nlu.training_data.training_data import TrainingData

__all__ = ["Message", "TrainingData"]

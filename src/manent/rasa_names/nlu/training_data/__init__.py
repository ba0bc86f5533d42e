"""Stand-ins for `rasa.nlu.training_data`, the location of these classes in Rasa 1."""

from manent.rasa_names.shared.nlu.training_data.message import Message
from manent.rasa_names.shared.nlu.training_data.training_data import TrainingData

__all__ = ["Message", "TrainingData"]

"""Stand-ins for `rasa.nlu.training_data.message`."""

from manent.rasa_names.shared.nlu.training_data.message import Message

__all__ = ["Message"]

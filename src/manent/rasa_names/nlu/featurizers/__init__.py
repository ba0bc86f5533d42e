"""Stand-ins for `rasa.nlu.featurizers`. Rasa 1 has `Featurizer` here."""

from manent.rasa_names.nlu.featurizers.featurizer import Featurizer

__all__ = ["Featurizer"]

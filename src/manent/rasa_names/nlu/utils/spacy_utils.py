"""Stand-ins for `rasa.nlu.utils.spacy_utils`."""

from dataclasses import dataclass
from typing import Any

from manent.rasa_names.nlu.built_in import built_in

SpacyNLP = built_in("SpacyNLP")


@dataclass
class SpacyModel:
    """A loaded spaCy model."""

    model: Any
    model_name: str

"""Stand-ins for `rasa.nlu.classifiers.classifier`."""

from typing import Any

from manent.rasa_names.nlu.component_config import Configured, NameOfClass


class IntentClassifier(Configured):
    """Marks a class that classifies intents."""

    name: Any = NameOfClass()

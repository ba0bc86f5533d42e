"""Stand-ins for `rasa.nlu.classifiers.classifier`."""

from manent.rasa_names.nlu.component_config import Configured


class IntentClassifier(Configured):
    """Marks a class that classifies intents."""

    @property
    def name(self) -> str:
        """Name of the class."""
        return type(self).__name__

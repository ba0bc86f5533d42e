"""Stand-ins for `rasa.nlu.classifiers.fallback_classifier`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.classifiers.classifier import IntentClassifier

FallbackClassifier = built_in("FallbackClassifier", IntentClassifier)

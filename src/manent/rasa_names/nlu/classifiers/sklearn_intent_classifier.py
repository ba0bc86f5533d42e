"""Stand-ins for `rasa.nlu.classifiers.sklearn_intent_classifier`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.classifiers.classifier import IntentClassifier

SklearnIntentClassifier = built_in("SklearnIntentClassifier", IntentClassifier)

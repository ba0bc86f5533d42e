"""Stand-ins for `rasa.nlu.classifiers.keyword_intent_classifier`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.classifiers.classifier import IntentClassifier

KeywordIntentClassifier = built_in("KeywordIntentClassifier", IntentClassifier)

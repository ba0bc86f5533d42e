"""Stand-ins for `rasa.nlu.classifiers.mitie_intent_classifier`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.classifiers.classifier import IntentClassifier

MitieIntentClassifier = built_in("MitieIntentClassifier", IntentClassifier)

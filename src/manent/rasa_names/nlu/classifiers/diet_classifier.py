"""Stand-ins for `rasa.nlu.classifiers.diet_classifier`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.classifiers.classifier import IntentClassifier
from manent.rasa_names.nlu.extractors.extractor import EntityExtractorMixin

DIETClassifier = built_in("DIETClassifier", IntentClassifier, EntityExtractorMixin)

"""Stand-ins for `rasa.nlu.selectors.response_selector`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.classifiers.classifier import IntentClassifier

ResponseSelector = built_in("ResponseSelector", IntentClassifier)

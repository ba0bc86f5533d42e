"""Stand-ins for `rasa.nlu.classifiers.logistic_regression_classifier`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.classifiers.classifier import IntentClassifier

LogisticRegressionClassifier = built_in("LogisticRegressionClassifier", IntentClassifier)

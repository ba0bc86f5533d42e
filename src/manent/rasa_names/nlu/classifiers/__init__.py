"""Stand-ins for `rasa.nlu.classifiers`."""

LABEL_RANKING_LENGTH = 10

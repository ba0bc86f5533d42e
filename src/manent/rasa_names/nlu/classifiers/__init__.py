"""Stand-ins for `rasa.nlu.classifiers`."""

LABEL_RANKING_LENGTH = 10
INTENT_RANKING_LENGTH = LABEL_RANKING_LENGTH

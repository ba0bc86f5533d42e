from rasa.nlu.classifiers.diet_classifier import DIETClassifier


class MyDiet(DIETClassifier):
    pass

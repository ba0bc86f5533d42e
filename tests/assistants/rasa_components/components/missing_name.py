from rasa.nlu.components import NoSuchName

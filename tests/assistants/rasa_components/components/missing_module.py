from rasa.nlu.no_such_part import Something

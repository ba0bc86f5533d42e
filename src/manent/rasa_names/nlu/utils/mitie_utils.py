"""Stand-ins for `rasa.nlu.utils.mitie_utils`."""

from manent.rasa_names.nlu.built_in import built_in

MitieNLP = built_in("MitieNLP")

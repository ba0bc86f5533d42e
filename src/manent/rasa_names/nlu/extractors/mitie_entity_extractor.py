"""Stand-ins for `rasa.nlu.extractors.mitie_entity_extractor`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.extractors.extractor import EntityExtractorMixin

MitieEntityExtractor = built_in("MitieEntityExtractor", EntityExtractorMixin)

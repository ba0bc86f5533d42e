"""Stand-ins for `rasa.nlu.extractors.duckling_entity_extractor`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.extractors.extractor import EntityExtractorMixin

DucklingEntityExtractor = built_in("DucklingEntityExtractor", EntityExtractorMixin)

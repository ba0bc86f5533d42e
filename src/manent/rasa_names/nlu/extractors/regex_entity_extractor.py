"""Stand-ins for `rasa.nlu.extractors.regex_entity_extractor`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.extractors.extractor import EntityExtractorMixin

RegexEntityExtractor = built_in("RegexEntityExtractor", EntityExtractorMixin)

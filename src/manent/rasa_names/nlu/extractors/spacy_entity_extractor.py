"""Stand-ins for `rasa.nlu.extractors.spacy_entity_extractor`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.extractors.extractor import EntityExtractorMixin

SpacyEntityExtractor = built_in("SpacyEntityExtractor", EntityExtractorMixin)

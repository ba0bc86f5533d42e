"""Stand-ins for `rasa.nlu.extractors.entity_synonyms`."""

from manent.rasa_names.nlu.built_in import built_in
from manent.rasa_names.nlu.extractors.extractor import EntityExtractorMixin

EntitySynonymMapper = built_in("EntitySynonymMapper", EntityExtractorMixin)

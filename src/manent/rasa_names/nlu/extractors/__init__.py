"""Stand-ins for `rasa.nlu.extractors`. Rasa 1 has `EntityExtractor` here."""

from manent.rasa_names.nlu.extractors.extractor import EntityExtractor

__all__ = ["EntityExtractor"]

"""Stand-ins for `rasa.nlu.extractors.extractor`."""

from typing import Any, NamedTuple

from manent.rasa_names.nlu.component_config import NameOfClass
from manent.rasa_names.nlu.components import Component
from manent.rasa_names.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_END,
    ENTITY_ATTRIBUTE_START,
    EXTRACTOR,
)
from manent.rasa_names.shared.nlu.training_data.message import Message


class EntityTagSpec(NamedTuple):
    """The tags for one type of label."""

    tag_name: str
    ids_to_tags: dict[int, str]
    tags_to_ids: dict[str, int]
    num_tags: int


class EntityExtractorMixin:
    """Methods that all entity extractors have."""

    name: Any = NameOfClass()

    def add_extractor_name(self, entities: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Set the name of this extractor in entities."""
        for entity in entities:
            entity[EXTRACTOR] = self.name
        return entities

    def add_processor_name(self, entity: dict[str, Any]) -> dict[str, Any]:
        """Add the name of this component to the entity's `processors`."""
        entity.setdefault("processors", []).append(self.name)
        return entity

    @staticmethod
    def filter_irrelevant_entities(extracted: list[dict[str, Any]], requested_dimensions: Any) -> list[dict[str, Any]]:
        """Return the entities of the requested types, or all entities if no type is requested."""
        if not requested_dimensions:
            return extracted
        return [entity for entity in extracted if entity["entity"] in requested_dimensions]

    def filter_trainable_entities(self, entity_examples: list[Message]) -> list[Message]:
        """Return the examples without the annotations that are for other extractors."""
        found = []
        for example in entity_examples:
            kept = [each for each in example.get(ENTITIES, []) if each.get(EXTRACTOR) in (None, self.name)]
            data = {**example.data, ENTITIES: kept}
            found.append(Message(data=data, output_properties=example.output_properties, features=example.features))
        return found

    @staticmethod
    def find_entity(entity: dict[str, Any], text: str, tokens: list[Any]) -> tuple[int, int]:
        """Return the index of an entity's first token and the index after its last token.

        Raises:
            ValueError: the entity does not start and end at token boundaries.
        """
        starts, ends = [token.start for token in tokens], [token.end for token in tokens]
        try:
            return starts.index(entity[ENTITY_ATTRIBUTE_START]), ends.index(entity[ENTITY_ATTRIBUTE_END]) + 1
        except ValueError as error:
            raise ValueError(f"the entity {entity!r} does not start and end at token boundaries of {text!r}") from error


class EntityExtractor(EntityExtractorMixin, Component):
    """An entity extractor of Rasa 1 or 2."""

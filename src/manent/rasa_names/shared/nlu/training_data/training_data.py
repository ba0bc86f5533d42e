"""Stand-ins for `rasa.shared.nlu.training_data.training_data`."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from manent.rasa_names.shared.nlu.constants import (
    ACTION_NAME,
    ENTITIES,
    ENTITY_ATTRIBUTE_GROUP,
    ENTITY_ATTRIBUTE_ROLE,
    ENTITY_ATTRIBUTE_TYPE,
    INTENT,
    INTENT_RESPONSE_KEY,
    RESPONSE,
)
from manent.rasa_names.shared.nlu.training_data.message import Message

__all__ = ["Message", "TrainingData"]


class TrainingData:
    """The NLU training data.

    Attributes:
        training_examples: the examples.
        entity_synonyms: synonym → value.
        regex_features: `{"name", "pattern"}` of each regex.
        lookup_tables: `{"name", "elements"}` of each lookup table.
        responses: retrieval responses by name.
    """

    MIN_EXAMPLES_PER_ENTITY = 2
    MIN_EXAMPLES_PER_INTENT = 2

    def __init__(
        self,
        training_examples: list[Message] | None = None,
        entity_synonyms: dict[str, str] | None = None,
        regex_features: list[dict[str, str]] | None = None,
        lookup_tables: list[dict[str, Any]] | None = None,
        responses: dict[str, list[dict[str, Any]]] | None = None,
    ) -> None:
        self.training_examples = list(training_examples or ())
        self.entity_synonyms = dict(entity_synonyms or {})
        self.regex_features = list(regex_features or ())
        self.lookup_tables = list(lookup_tables or ())
        self.responses = dict(responses or {})

    @property
    def nlu_examples(self) -> list[Message]:
        """The examples that are user messages."""
        return [each for each in self.training_examples if not each.is_core_or_domain_message()]

    @property
    def intent_examples(self) -> list[Message]:
        """The examples that have an intent."""
        return [each for each in self.nlu_examples if each.get(INTENT)]

    @property
    def response_examples(self) -> list[Message]:
        """The examples that have a retrieval intent."""
        return [each for each in self.nlu_examples if each.get(INTENT_RESPONSE_KEY)]

    @property
    def entity_examples(self) -> list[Message]:
        """The examples that have entities."""
        return [each for each in self.nlu_examples if each.get(ENTITIES)]

    @property
    def intents(self) -> set[str]:
        """Names of the intents."""
        return {each.get(INTENT) for each in self.training_examples} - {None}

    @property
    def action_names(self) -> set[str]:
        """Names of actions. The set is empty, because Manent does not train components on actions."""
        return {each.get(ACTION_NAME) for each in self.training_examples} - {None}

    @property
    def retrieval_intents(self) -> set[str]:
        """Names of the retrieval intents."""
        return {each.get(INTENT) for each in self.training_examples if each.get(INTENT_RESPONSE_KEY)}

    @property
    def number_of_examples_per_intent(self) -> dict[str, int]:
        """Intent → number of examples."""
        return dict(Counter(each.get(INTENT) for each in self.nlu_examples))

    @property
    def number_of_examples_per_response(self) -> dict[str, int]:
        """Full name of a retrieval intent → number of examples."""
        return dict(Counter(each.get(INTENT_RESPONSE_KEY) for each in self.response_examples))

    @property
    def number_of_examples_per_entity(self) -> dict[str, int]:
        """Entity → number of annotations."""
        return dict(Counter(each[ENTITY_ATTRIBUTE_TYPE] for each in self.sorted_entities()))

    @property
    def entities(self) -> set[str]:
        """Names of the entities."""
        return self._labels(ENTITY_ATTRIBUTE_TYPE)

    @property
    def entity_roles(self) -> set[str]:
        """Names of the roles."""
        return self._labels(ENTITY_ATTRIBUTE_ROLE)

    @property
    def entity_groups(self) -> set[str]:
        """Names of the groups."""
        return self._labels(ENTITY_ATTRIBUTE_GROUP)

    def entity_roles_groups_used(self) -> bool:
        """Return whether an entity has a role or a group."""
        return bool(self.entity_roles or self.entity_groups)

    def sorted_entities(self) -> list[dict[str, Any]]:
        """Return all annotations, sorted by the name of the entity."""
        found = [entity for each in self.entity_examples for entity in each.get(ENTITIES)]
        return sorted(found, key=lambda entity: str(entity[ENTITY_ATTRIBUTE_TYPE]))

    def filter_training_examples(self, condition: Callable[[Message], bool]) -> "TrainingData":
        """Return the training data, reduced to the examples that fulfil a condition."""
        return TrainingData(
            [each for each in self.training_examples if condition(each)],
            self.entity_synonyms,
            self.regex_features,
            self.lookup_tables,
            self.responses,
        )

    def is_empty(self) -> bool:
        """Return whether the training data are empty."""
        return not any((self.training_examples, self.entity_synonyms, self.regex_features, self.lookup_tables))

    def contains_no_pure_nlu_data(self) -> bool:
        """Return whether no example has an intent, entities or a response."""
        return not any(each.get(INTENT) or each.get(ENTITIES) or each.get(RESPONSE) for each in self.nlu_examples)

    def has_e2e_examples(self) -> bool:
        """Return False, because Manent does not add texts from stories to the training data."""
        return False

    def _labels(self, name: str) -> set[str]:
        return {entity[name] for entity in self.sorted_entities() if entity.get(name)}

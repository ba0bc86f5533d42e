"""Stand-ins for `rasa.shared.core.domain`."""

from typing import Any

from manent.core.domain import Domain as Definition
from manent.rasa_names.shared.core.not_provided import Partial
from manent.rasa_names.shared.core.slots import slot_of
from manent.rasa_names.shared.exceptions import RasaException

SubState = dict[str, Any]
State = dict[str, SubState]


class InvalidDomain(RasaException):
    """The domain is not valid."""


class ActionNotFoundException(ValueError, RasaException):
    """The domain has no action with this name."""


class Domain(Partial):
    """The domain, for policies.

    Attributes:
        action_names_or_texts: all actions, in the same order as a prediction's probabilities.
        intents: names of the intents.
        entities: names of the entities.
        slots: the slots with their initial values.
        responses: response → its variations.
        forms: form → its options.
    """

    def __init__(self, definition: Definition) -> None:
        original = definition.original
        self.action_names_or_texts = list(definition.action_names)
        self.action_names = self.action_names_or_texts
        self.user_actions = list(definition.actions)
        self.intents = list(definition.intents)
        self.entities = list(definition.entities)
        self.responses: dict[str, Any] = dict(original.get("responses") or {})
        self.templates = self.responses
        self.forms: dict[str, Any] = dict(original.get("forms") or {})
        self.form_names = list(definition.forms)
        self.retrieval_intents = [name for name, intent in definition.intents.items() if intent.is_retrieval]
        self.slots = [
            slot_of(
                slot.name,
                slot.initial_value,
                slot.type,
                slot.initial_value,
                influence_conversation=slot.influence_conversation,
            )
            for slot in definition.slots.values()
        ]
        self._index = definition.action_index
        self._original = original

    @property
    def num_actions(self) -> int:
        """Number of actions."""
        return len(self.action_names_or_texts)

    def index_for_action(self, action_name: str) -> int:
        """Return an action's index in the probabilities.

        Raises:
            ActionNotFoundException: the domain has no action with this name.
        """
        if action_name not in self._index:
            raise ActionNotFoundException(f"the domain has no action {action_name!r}")
        return self._index[action_name]

    def required_slots_for_form(self, form_name: str) -> list[str]:
        """Return the slots that a form requests."""
        return list((self.forms.get(form_name) or {}).get("required_slots") or ())

    def as_dict(self) -> dict[str, Any]:
        """Return the domain as a JSON object."""
        return dict(self._original)

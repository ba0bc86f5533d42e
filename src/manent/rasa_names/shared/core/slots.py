"""Stand-ins for `rasa.shared.core.slots`."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Slot:
    """A slot and its value."""

    name: str
    value: Any = None
    type_name: str = "text"
    initial_value: Any = None
    influence_conversation: bool = True

    @property
    def has_been_set(self) -> bool:
        """Whether the value differs from the initial value."""
        return bool(self.value != self.initial_value)


class TextSlot(Slot):
    """A slot of the type `text`."""


class CategoricalSlot(Slot):
    """A slot of the type `categorical`."""


class BooleanSlot(Slot):
    """A slot of the type `bool`."""


class ListSlot(Slot):
    """A slot of the type `list`."""


class FloatSlot(Slot):
    """A slot of the type `float`."""


class AnySlot(Slot):
    """A slot of the type `any`."""


_CLASSES: dict[str, type[Slot]] = {
    "text": TextSlot,
    "categorical": CategoricalSlot,
    "bool": BooleanSlot,
    "list": ListSlot,
    "float": FloatSlot,
    "any": AnySlot,
}


def slot_of(name: str, value: Any, type_name: str, initial_value: Any, *, influence_conversation: bool) -> Slot:
    """Return a slot of the class for its type."""
    return _CLASSES.get(type_name, Slot)(name, value, type_name, initial_value, influence_conversation)

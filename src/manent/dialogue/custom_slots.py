"""Slots whose features a class of the project computes, as in Rasa: subclasses of `rasa.shared.core.slots.Slot`.

The class decides only how a value influences predictions. The log stores the value, as for every slot.
"""

from functools import cache
from typing import Any

from manent.core.domain import Slot
from manent.extensions.finding import BadExtension, calling, find
from manent.extensions.points import SLOTS

Vector = tuple[float, ...]


def custom_features(slot: Slot, value: Any) -> Vector:
    """Return the features of a value. Empty: the class returns only zeros, so the slot counts as not set.

    Raises:
        BadExtension: the class cannot be imported, or raises an error.
    """
    found = find_slot_class(slot.slot_class)
    with calling(slot.slot_class, "it computes the features of a value"):
        made = found(
            name=slot.name,
            mappings=[],
            initial_value=slot.initial_value,
            influence_conversation=slot.influence_conversation,
            **slot.options,
        )
        made.value = value
        vector = tuple(float(feature) for feature in made.as_feature())
    return vector if any(vector) else ()


@cache
def find_slot_class(path: str) -> Any:
    """Return the class with this module path.

    Raises:
        BadExtension: the class cannot be imported, or has no features.
    """
    found = find(SLOTS, path)
    if found is None:
        raise BadExtension(path, "an unknown name", "the path of a slot class")
    return found

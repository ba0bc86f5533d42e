"""Stand-ins for `rasa.shared.core.slots`, as slot classes of projects extend them."""

from typing import Any


class Slot:
    """A slot and its value. Subclasses compute features in `_as_feature`, or in `as_feature` as before Rasa 3.

    Args:
        name: name of the slot.
        mappings: definitions of how the slot is filled.
        initial_value: the value at the start of a conversation.
        value_reset_delay: ignored, as in Rasa.
        influence_conversation: whether the slot has features.
        value: the value. Default: the initial value.
        type_name: the type in the domain. Default: the type of the class.
    """

    type_name: str | None = None

    def __init__(
        self,
        name: str,
        mappings: list[dict[str, Any]] | None = None,
        initial_value: Any = None,
        value_reset_delay: int | None = None,
        influence_conversation: bool = True,  # noqa: FBT001, FBT002  # Rasa's signature
        *,
        value: Any = None,
        type_name: str | None = None,
    ) -> None:
        self.name = name
        self.mappings = mappings or []
        self.initial_value = initial_value
        self.value = initial_value if value is None else value
        self.influence_conversation = influence_conversation
        if type_name is not None:
            self.type_name = type_name
        del value_reset_delay

    def feature_dimensionality(self) -> int:
        """Return the number of features."""
        return 1

    def has_features(self) -> bool:
        """Return whether the slot has features."""
        return self.influence_conversation and self.feature_dimensionality() != 0

    def as_feature(self) -> list[float]:
        """Return the features of the value."""
        return self._as_feature() if self.influence_conversation else []

    def _as_feature(self) -> list[float]:
        return [0.0] * self.feature_dimensionality()

    @property
    def has_been_set(self) -> bool:
        """Whether the value differs from the initial value."""
        return bool(self.value != self.initial_value)

    def reset(self) -> None:
        """Return to the initial value."""
        self.value = self.initial_value


class TextSlot(Slot):
    """One feature: whether the slot is set."""

    type_name = "text"

    def _as_feature(self) -> list[float]:
        return [1.0 if self.value is not None else 0.0]


class ListSlot(Slot):
    """One feature: whether the list has elements."""

    type_name = "list"

    def _as_feature(self) -> list[float]:
        return [1.0 if self.value else 0.0]


class BooleanSlot(Slot):
    """Two features: whether the slot is set, and whether it is true."""

    type_name = "bool"

    def feature_dimensionality(self) -> int:
        """See `Slot`."""
        return 2

    def _as_feature(self) -> list[float]:
        return [1.0, float(bool(self.value))] if self.value is not None else [0.0, 0.0]


class FloatSlot(Slot):
    """Two features: whether the slot is set, and the value between the limits."""

    type_name = "float"

    def __init__(self, *args: Any, max_value: float = 1.0, min_value: float = 0.0, **options: Any) -> None:
        super().__init__(*args, **options)
        self.max_value = max_value
        self.min_value = min_value

    def feature_dimensionality(self) -> int:
        """See `Slot`."""
        return 2

    def _as_feature(self) -> list[float]:
        try:
            number = max(self.min_value, min(self.max_value, float(self.value)))
        except (TypeError, ValueError):
            return [0.0, 0.0]
        return [1.0, (number - self.min_value) / (self.max_value - self.min_value)]


class CategoricalSlot(Slot):
    """One feature for each value, and one for other values."""

    type_name = "categorical"

    def __init__(self, *args: Any, values: list[Any] | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.values = [str(value).lower() for value in values or []]

    def feature_dimensionality(self) -> int:
        """See `Slot`."""
        return len(self.values) + 1

    def _as_feature(self) -> list[float]:
        if self.value is None:
            return [0.0] * self.feature_dimensionality()
        found = [float(str(self.value).lower() == value) for value in self.values]
        return [*found, float(not any(found))]


class AnySlot(Slot):
    """A slot without features."""

    type_name = "any"

    def feature_dimensionality(self) -> int:
        """See `Slot`."""
        return 0


class UnfeaturizedSlot(AnySlot):
    """A slot without features, in Rasa 1 and 2."""

    type_name = "unfeaturized"

"""Stand-ins for `rasa.engine.recipes.default_recipe`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, TypeVar

T = TypeVar("T", bound=type)


class _ComponentType(Enum):
    MESSAGE_TOKENIZER = 0
    MESSAGE_FEATURIZER = 1
    INTENT_CLASSIFIER = 2
    ENTITY_EXTRACTOR = 3
    POLICY_WITHOUT_END_TO_END_SUPPORT = 4
    POLICY_WITH_END_TO_END_SUPPORT = 5
    MODEL_LOADER = 6


@dataclass(frozen=True)
class Registration:
    """The registration of a class.

    Attributes:
        types: members of `ComponentType`. Other values have no effect.
        is_trainable: whether `train` is called to train the component.
        model_from: name of the component that provides a model for this component, or None if no model is needed.
    """

    types: frozenset[Any]
    is_trainable: bool
    model_from: str | None = None


class DefaultV1Recipe:
    """The recipe with which classes register themselves."""

    name = "default.v1"
    ComponentType = _ComponentType
    _registered: ClassVar[dict[type, Registration]] = {}

    @classmethod
    def register(
        cls,
        component_types: Any,
        is_trainable: bool,  # noqa: FBT001  # Rasa's signature
        model_from: str | None = None,
    ) -> Callable[[T], T]:
        """Register the class that is defined below this decorator."""
        types = frozenset(component_types) if isinstance(component_types, Iterable) else frozenset([component_types])

        def decorate(registered: T) -> T:
            cls._registered[registered] = Registration(types, is_trainable, model_from)
            return registered

        return decorate

    @classmethod
    def registration_of(cls, found: type) -> Registration | None:
        """Return the registration of a class, or None if it is not registered."""
        return cls._registered.get(found)

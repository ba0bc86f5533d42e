"""Stand-ins for `rasa.shared.utils.common`."""

import importlib
from typing import Any

from manent.rasa_names.shared.utils.io import raise_warning


def lazy_property(function: Any) -> property:
    """Return a property whose value is computed once."""
    name = f"_lazy_{function.__name__}"

    def get(instance: Any) -> Any:
        if not hasattr(instance, name):
            setattr(instance, name, function(instance))
        return getattr(instance, name)

    return property(get)


def class_from_module_path(module_path: str, lookup_path: str | None = None) -> Any:
    """Import the class with this path: `package.module.Class`.

    Args:
        module_path: the path, or the name of a class in `lookup_path`.
        lookup_path: module of a class whose path contains no dot.
    """
    module, _, name = (module_path if "." in module_path else f"{lookup_path}.{module_path}").rpartition(".")
    return getattr(importlib.import_module(module), name)


def all_subclasses(cls: Any) -> list[Any]:
    """Return the direct and indirect subclasses of a class."""
    found = cls.__subclasses__()
    return [*found, *(inner for each in found for inner in all_subclasses(each))]


def mark_as_experimental_feature(feature_name: str) -> None:
    """Do nothing. In Rasa, this logs that a feature may change."""


__all__ = ["all_subclasses", "class_from_module_path", "lazy_property", "mark_as_experimental_feature", "raise_warning"]

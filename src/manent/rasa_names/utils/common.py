"""Stand-ins for `rasa.utils.common`."""

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


__all__ = ["lazy_property", "raise_warning"]

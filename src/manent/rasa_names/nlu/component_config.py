"""Provides a component's options under the names that Rasa 2 and Rasa 3 use. Rasa has no such module."""

from typing import Any


class NameOfClass:
    """The name of a component's class, until the component sets its attribute `name`."""

    def __get__(self, instance: Any, owner: type) -> str:
        return owner.__name__


class Configured:
    """Combines options with the class's defaults: `get_default_config` in Rasa 3, `defaults` in Rasa 2."""

    defaults: Any = {}  # noqa: RUF012  # Rasa 2 classes override it

    @classmethod
    def required_components(cls) -> list[type]:
        """Return the classes of components that must precede this component in the pipeline."""
        return []

    @classmethod
    def required_packages(cls) -> list[str]:
        """Return the names of modules that must be installed."""
        return []

    def __init__(self, component_config: dict[str, Any] | None = None) -> None:
        default = getattr(self, "get_default_config", dict)
        self._config: dict[str, Any] = {**(self.defaults or {}), **default(), **(component_config or {})}
        self.component_config = self._config

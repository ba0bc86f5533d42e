"""Gives components the options under the names that Rasa 2 and Rasa 3 use. Rasa itself has no such module."""

from typing import Any


class Configured:
    """Has options, with the defaults of the class.

    Rasa 3 has the defaults in `get_default_config`, Rasa 2 in `defaults`.
    """

    defaults: Any = {}  # noqa: RUF012  # classes of Rasa 2 replace it

    @classmethod
    def required_components(cls) -> list[type]:
        """Return classes of components that must be in the pipeline before this one."""
        return []

    @classmethod
    def required_packages(cls) -> list[str]:
        """Return modules that must be installed."""
        return []

    def __init__(self, component_config: dict[str, Any] | None = None) -> None:
        default = getattr(self, "get_default_config", dict)
        self._config: dict[str, Any] = {**(self.defaults or {}), **default(), **(component_config or {})}
        self.component_config = self._config

"""Stand-ins for `rasa.nlu.config`."""

from typing import Any


class RasaNLUModelConfig:
    """The configuration of a pipeline, for components of Rasa 1 and 2.

    Attributes:
        language: the assistant's language.
        pipeline: options of each component, with its `name`.
    """

    def __init__(self, configuration_values: dict[str, Any] | None = None) -> None:
        values = configuration_values or {}
        self.language: str | None = values.get("language")
        self.pipeline: list[dict[str, Any]] = list(values.get("pipeline") or ())
        self.data: dict[str, Any] = values
        self.override(values)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value of the configuration."""
        return self.data.get(key, default)

    def override(self, values: dict[str, Any]) -> None:
        """Set values of the configuration as attributes."""
        for name, value in values.items():
            setattr(self, name, value)

    def for_component(self, index: int, defaults: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the options of the component at an index."""
        return {**(defaults or {}), **self.pipeline[index]}

    @property
    def component_names(self) -> list[str]:
        """Names of the components."""
        return [str(component.get("name")) for component in self.pipeline]

"""Stand-ins for `rasa.nlu.model`."""

from typing import Any


class Metadata:
    """Information about a model, for components of Rasa 1 and 2."""

    def __init__(self, metadata: dict[str, Any], model_dir: str | None = None) -> None:
        self.metadata = metadata
        self.model_dir = model_dir

    def get(self, property_name: str, default: Any = None) -> Any:
        """Return a property."""
        return self.metadata.get(property_name, default)

    @property
    def language(self) -> str | None:
        """Language of the assistant."""
        language = self.get("language")
        return None if language is None else str(language)

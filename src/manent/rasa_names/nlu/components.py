"""Stand-ins for `rasa.nlu.components`: components of Rasa 1 and 2."""

from typing import Any

from manent.rasa_names.nlu.component_config import Configured, NameOfClass
from manent.rasa_names.shared.exceptions import RasaException


class UnsupportedLanguageError(RasaException):
    """A component does not support the assistant's language."""


class Component(Configured):
    """A component of the pipeline.

    Attributes:
        provides: names of the attributes that the component adds to a message. It has no effect.
        requires: names of the attributes that the component needs. It has no effect.
        defaults: default options.
        language_list: languages that the component supports, or None if it supports all languages.
    """

    provides: Any = ()
    requires: Any = ()
    language_list: Any = None
    supported_language_list: Any = None
    not_supported_language_list: Any = None

    def __init__(self, component_config: dict[str, Any] | None = None, **_: Any) -> None:
        super().__init__(component_config)
        self.partial_processing_pipeline: Any = None
        self.partial_processing_context: Any = None

    name: Any = NameOfClass()

    @property
    def unique_name(self) -> str:
        """The component's class name and its index in the pipeline."""
        return f"component_{self.component_config.get('index', 0)}_{self.name}"

    @classmethod
    def create(cls, component_config: dict[str, Any], config: Any = None) -> "Component":  # noqa: ARG003
        """Create the component for its training."""
        return cls(component_config)

    @classmethod
    def load(cls, meta: dict[str, Any], *_: Any, **__: Any) -> "Component":
        """Create the component from the value that `persist` returned."""
        return cls(meta)

    def provide_context(self) -> dict[str, Any] | None:
        """Return keyword arguments for the following components. None: nothing."""
        return None

    def train(self, training_data: Any, config: Any = None, **_: Any) -> None:
        """Train the component. The default does nothing."""

    def process(self, message: Any, **_: Any) -> None:
        """Process a message by changing its attributes."""

    def persist(self, file_name: str, model_dir: str) -> dict[str, Any] | None:  # noqa: ARG002
        """Write files to a folder and return metadata for `load`. None: nothing."""
        return None

    def prepare_partial_processing(self, pipeline: Any, context: Any) -> None:
        """Set the components that precede this component. Manent does not call this method."""
        self.partial_processing_pipeline, self.partial_processing_context = pipeline, context

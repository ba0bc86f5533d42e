"""Stand-ins for `rasa.engine.graph`."""

from dataclasses import dataclass
from typing import Any

from manent.rasa_names.engine.storage.resource import Resource
from manent.rasa_names.engine.storage.storage import ModelStorage


@dataclass
class GraphSchema:
    """The graph to which a component belongs. It is empty, because Manent has no graphs."""

    nodes: dict[str, Any]


@dataclass
class ExecutionContext:
    """The model and the pipeline in which a component runs.

    Attributes:
        model_id: id of the model, or None while the component is being trained.
        node_name: unique name of the component in the pipeline.
    """

    graph_schema: GraphSchema
    model_id: str | None = None
    should_add_diagnostic_data: bool = False
    is_finetuning: bool = False
    node_name: str | None = None


class GraphComponent:
    """A component of the pipeline, or a policy."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Return the classes of components that must precede this component in the pipeline."""
        return []

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "GraphComponent":
        """Create the component for its training. Subclasses must override this.

        Raises:
            NotImplementedError: the subclass does not override this method.
        """
        raise NotImplementedError(f"{cls.__name__} does not define `create`")

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **_: Any,
    ) -> "GraphComponent":
        """Create the component from the files that its training stored. The default calls `create`."""
        return cls.create(config, model_storage, resource, execution_context)

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the default options."""
        return {}

    @staticmethod
    def supported_languages() -> list[str] | None:
        """Return the languages that the component supports. None: all."""
        return None

    @staticmethod
    def not_supported_languages() -> list[str] | None:
        """Return the languages that the component does not support. None means that it supports all languages."""
        return None

    @staticmethod
    def required_packages() -> list[str]:
        """Return the names of modules that must be installed."""
        return []

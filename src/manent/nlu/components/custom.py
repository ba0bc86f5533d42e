"""Custom components: a class that `config.yml` names by its module path, with four methods.

`docs/nlu.md` shows an example. The class comes from the project folder, which the command line adds to the import path.
It never comes from the model. A model contains only the files that the component's `persist` returned.
"""

import importlib
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from manent.core.errors import Problem, ProjectError
from manent.core.events import Json
from manent.core.training_data import Where
from manent.nlu.component import Component, Context, Kind, Training
from manent.nlu.files import Files
from manent.nlu.message import Message


@runtime_checkable
class CustomComponent(Protocol):
    """The methods of a custom component. It is created with its options from `config.yml`: `MyComponent(options)`."""

    def train(self, examples: list[Json]) -> None:
        """Train on examples: `{"text", "intent", "entities", "tokens"}`."""

    def process(self, result: Json) -> None:
        """Change a parse result (`text, intent, intent_ranking, entities`; `text_tokens`) in place."""

    def persist(self) -> Mapping[str, bytes]:
        """Return the files to store in the model: name → content."""

    def load(self, files: Mapping[str, bytes]) -> None:
        """Load the files that `persist` returned."""


class _Adapter:
    def __init__(self, component: CustomComponent) -> None:
        self._component = component

    def process(self, message: Message) -> None:
        """Call the custom component and apply its changes to the message."""
        result = message.result()
        self._component.process(result)
        message.intent = result.get("intent")
        message.intent_ranking = result.get("intent_ranking")
        message.entities = list(result.get("entities") or ())
        message.response_selector = result.get("response_selector")


def custom_kind(path: str, where: Where) -> Kind:
    """Return the kind of a custom component by the path of its class.

    `where` is the line of `config.yml` that names the class.

    Raises:
        ProjectError: the class does not exist or lacks a method.
    """
    return Kind(
        load=_loader(path, where),
        train=_trainer(path, where),
        reads=("examples", "synonyms", "patterns", "responses"),
        free=True,
    )


def _trainer(path: str, where: Where) -> Any:
    def train(options: Json, training: Training) -> Files:
        component = _make(path, options, where)
        component.train(
            [
                {
                    "text": example.text,
                    "intent": example.intent,
                    "entities": [
                        {"entity": mention.entity, "start": mention.start, "end": mention.end, "value": mention.value}
                        for mention in example.entities
                    ],
                    "tokens": [message.text[start:end] for start, end in message.tokens or ()],
                }
                for example, message in zip(training.examples, training.messages, strict=True)
            ]
        )
        return dict(component.persist())

    return train


def _loader(path: str, where: Where) -> Any:
    def load(options: Json, files: Files, _: Context) -> Component:
        component = _make(path, options, where)
        component.load(files)
        return _Adapter(component)

    return load


def check_class(path: str, where: Where) -> None:
    """Import the class of a component without creating an instance, to find errors before training.

    Raises:
        ProjectError: the class does not exist or lacks a method.
    """
    _import(path, where)


def _import(path: str, where: Where) -> Any:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # importing runs code of the project, which can raise any exception
        raise _problem(path, where, f"a class that can be imported ({_reason(error)})", error) from error
    if not (isinstance(found, type) and issubclass(found, CustomComponent)):
        raise _problem(path, where, "a class with the methods train, process, persist and load")
    return found


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {error}"


def _make(path: str, options: Json, where: Where) -> CustomComponent:
    found = _import(path, where)
    try:
        made: CustomComponent = found(dict(options))
    except TypeError as error:
        raise _problem(path, where, f"a class that accepts its options ({error})") from error
    return made


_OWN = "A custom component is a class with the methods train(examples), process(result), persist() and load(files)"
_FOR_RASA = f"It is written for Rasa's pipeline, which Manent does not have. {_OWN}"


def _suggestion(path: str, error: BaseException | None) -> str:
    missing = (error.name or "").split(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing == "rasa":
        return _FOR_RASA
    if missing and missing == path.split(".", maxsplit=1)[0]:
        return f"Put {missing}.py into the project's folder, or correct the name. {_OWN}"
    if missing:
        return f"The module {missing} is not installed; install it, for example with `pip install {missing}`"
    return _OWN


def _problem(path: str, where: Where, expected: str, error: BaseException | None = None) -> ProjectError:
    return ProjectError(
        [
            Problem(
                file=where.file or "config.yml",
                line=where.line,
                path="pipeline",
                code="pipeline.bad-component",
                found=f'"{path}"',
                expected=expected,
                suggestion=_suggestion(path, error),
            )
        ]
    )

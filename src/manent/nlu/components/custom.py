"""Components of a project's own: a class named in `config.yml` by its module path, with four methods.

`docs/nlu.md` shows one. The class comes from the project's folder (which the command line puts on the import path),
never from the model: a model holds only what the component's `persist` returned.
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
    """What a project's class offers; it is made with its options from `config.yml`: `MyComponent(options)`."""

    def train(self, examples: list[Json]) -> None:
        """Learn from examples: `{"text", "intent", "entities", "tokens"}`."""

    def process(self, result: Json) -> None:
        """Change a parse result (`text, intent, intent_ranking, entities`; `text_tokens`) in place."""

    def persist(self) -> Mapping[str, bytes]:
        """Return what to keep in the model: file name → content."""

    def load(self, files: Mapping[str, bytes]) -> None:
        """Take back what `persist` returned."""


class _Adapter:
    def __init__(self, component: CustomComponent) -> None:
        self._component = component

    def process(self, message: Message) -> None:
        """Let the project's class change the result, and take the changes over."""
        result = message.result()
        self._component.process(result)
        message.intent = result.get("intent")
        message.intent_ranking = result.get("intent_ranking")
        message.entities = list(result.get("entities") or ())
        message.response_selector = result.get("response_selector")


def custom_kind(path: str, where: Where) -> Kind:
    """Make the kind of a component by the path of its class, which stands there.

    Raises:
        ProjectError: there is no such class, or a method is missing.
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
    """Import a component's class without making one, to find out before a training whether it is there.

    Raises:
        ProjectError: it isn't, or lacks a method.
    """
    _import(path, where)


def _import(path: str, where: Where) -> Any:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # the project's code runs here
        raise _problem(path, where, f"a class that can be imported ({_say(error)})") from error
    if not (isinstance(found, type) and issubclass(found, CustomComponent)):
        raise _problem(path, where, "a class with the methods train, process, persist and load")
    return found


def _say(error: Exception) -> str:
    return str(error) if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {error}"


def _make(path: str, options: Json, where: Where) -> CustomComponent:
    found = _import(path, where)
    try:
        made: CustomComponent = found(dict(options))
    except TypeError as error:
        raise _problem(path, where, f"a class that can be made with its options ({error})") from error
    return made


_OWN = "A component of your own has the methods train, process, persist and load (docs/nlu.md)"
_FOR_RASA = f"It is written for Rasa's pipeline, which is not here. {_OWN}"


def _problem(path: str, where: Where, expected: str) -> ProjectError:
    return ProjectError(
        [
            Problem(
                file=where.file or "config.yml",
                line=where.line,
                path="pipeline",
                code="pipeline.bad-component",
                found=f'"{path}"',
                expected=expected,
                suggestion=_FOR_RASA if "No module named 'rasa'" in expected else _OWN,
            )
        ]
    )

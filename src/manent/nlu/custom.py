"""Components of a project's own: a class named in `config.yml` by its module path, with four methods.

`docs/nlu.md` shows one. The class comes from the project's folder (which the command line puts on the import path),
never from the model: a model holds only what the component's `persist` returned.
"""

import importlib
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from manent.core.errors import Problem, ProjectError
from manent.core.events import Json
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


def custom_kind(path: str) -> Kind:
    """Make the kind of a component by the path of its class.

    Raises:
        ProjectError: there is no such class, or a method is missing.
    """
    return Kind(
        load=_loader(path), train=_trainer(path), reads=("examples", "synonyms", "patterns", "responses"), free=True
    )


def _trainer(path: str) -> Any:
    def train(options: Json, training: Training) -> Files:
        component = _make(path, options)
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


def _loader(path: str) -> Any:
    def load(options: Json, files: Files, _: Context) -> Component:
        component = _make(path, options)
        component.load(files)
        return _Adapter(component)

    return load


def _make(path: str, options: Json) -> CustomComponent:
    module, _, name = path.rpartition(".")
    try:
        made = getattr(importlib.import_module(module), name)(dict(options))
    except (ImportError, AttributeError, TypeError) as error:
        raise _problem(path, f"a class that can be imported and made with its options ({error})") from error
    if not isinstance(made, CustomComponent):
        raise _problem(path, "a class with the methods train, process, persist and load")
    return made


def _problem(path: str, expected: str) -> ProjectError:
    return ProjectError(
        [
            Problem(
                file="config.yml",
                line=0,
                path="pipeline",
                code="pipeline.bad-component",
                found=repr(path),
                expected=expected,
                suggestion="docs/nlu.md describes components of your own.",
            )
        ]
    )

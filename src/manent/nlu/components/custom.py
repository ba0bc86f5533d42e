"""Custom components: classes with four methods, in the project or in an installed package.

`docs/extending.md` shows an example. `extensions/finding.py` finds the class by its name in `config.yml`. The class is
never read from the model. A model contains only the files that the component's `persist` returned. Classes that were
written for Rasa are in `rasa_component.py`.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from manent.core.errors import Problem, ProjectError
from manent.core.events import Json
from manent.core.training_data import Where
from manent.extensions.finding import BadExtension, Site, calling, create, find
from manent.extensions.model_code import guarded
from manent.extensions.options import options_of
from manent.extensions.points import COMPONENTS
from manent.nlu.component import Component, Context, Kind, Training
from manent.nlu.files import Files
from manent.nlu.message import Message


class CustomComponent(Protocol):
    """The methods of a custom component. It is created with its options from `config.yml`: `MyComponent(options)`.

    If the class declares `options` (a subclass of `msgspec.Struct`), it receives an instance of that struct, and the
    options are checked before training. Without this declaration, it receives a dictionary.
    """

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
        message.intent = plain(result.get("intent"))
        message.intent_ranking = plain(result.get("intent_ranking"))
        message.entities = plain(list(result.get("entities") or ()))
        message.response_selector = plain(result.get("response_selector"))


def plain(value: Any) -> Any:
    """Return a value in which NumPy types are converted to types that JSON supports."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value


def custom_kind(name: str, where: Where) -> Kind | None:
    """Return the kind of a component by the path of its class, or by the name that a package registered. None: unknown.

    `where` is the line in `config.yml` that names the class.

    Raises:
        ProjectError: the class cannot be imported or lacks a method.
    """
    try:
        found = find(COMPONENTS, name)
    except BadExtension as error:
        raise _problem(name, where, error) from error
    if found is None:
        return None
    adapted = getattr(found, "kind", None)
    if isinstance(adapted, Kind):
        return _located(adapted, name, where)
    return Kind(
        load=_loader(found, name, where),
        train=_trainer(found, name, where),
        reads=("examples", "synonyms", "patterns", "responses"),
        free=True,
    )


def _located(kind: Kind, name: str, where: Where) -> Kind:
    """Return a copy of a kind that adds the line in `config.yml` to errors."""

    def train(options: Json, training: Training) -> Files:
        try:
            return kind.train(options, training)
        except BadExtension as error:
            raise _problem(name, where, error) from error

    def load(options: Json, files: Files, context: Context) -> Component:
        try:
            return kind.load(options, files, context)
        except BadExtension as error:
            raise _problem(name, where, error) from error

    return Kind(load=load, train=train, reads=kind.reads, free=True)


def _trainer(found: Any, name: str, where: Where) -> Any:
    def train(options: Json, training: Training) -> Files:
        component = _make(found, name, options, where)
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


def _loader(found: Any, name: str, where: Where) -> Any:
    def load(options: Json, files: Files, _: Context) -> Component:
        component = _make(found, name, options, where)
        try:
            with calling(name, "its files are loaded"), guarded(name):
                component.load(files)
        except BadExtension as error:
            raise _problem(name, where, error) from error
        return _Adapter(component)

    return load


def _make(found: Any, name: str, options: Json, where: Where) -> CustomComponent:
    try:
        made: CustomComponent = create(name, found, options_of(found, name, options, file=_FILE), Site())
    except BadExtension as error:
        raise _problem(name, where, error) from error
    return made


_FILE = "config.yml"


def _problem(name: str, where: Where, error: BadExtension) -> ProjectError:
    return ProjectError(
        [
            Problem(
                file=where.file or _FILE,
                line=where.line,
                path="pipeline",
                code="pipeline.bad-component",
                found=f'"{name}": {error.found}',
                expected=error.expected,
                suggestion=error.advice,
            )
        ]
    )

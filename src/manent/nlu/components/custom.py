"""Custom components: a class of the project or of a package, with four methods.

`docs/nlu.md` shows an example. `extensions/finding.py` finds the class by its name in `config.yml`. It never comes from
the model. A model contains only the files that the component's `persist` returned.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from manent.core.errors import Problem, ProjectError
from manent.core.events import Json
from manent.core.training_data import Where
from manent.extensions.finding import BadExtension, Site, create, find
from manent.extensions.options import options_of
from manent.extensions.points import COMPONENTS
from manent.nlu.component import Component, Context, Kind, Training
from manent.nlu.files import Files
from manent.nlu.message import Message


class CustomComponent(Protocol):
    """The methods of a custom component. It is created with its options from `config.yml`: `MyComponent(options)`.

    If the class declares `options`, a `msgspec.Struct`, it gets an object of it, and the options are checked before
    training. Otherwise it gets the options as a dictionary.
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


def _make(path: str, options: Json, where: Where) -> CustomComponent:
    try:
        found = find(COMPONENTS, path)
        if found is None:
            raise _problem(path, where, "an unknown name", "a component, or the path of a component class")
        made: CustomComponent = create(found, options_of(found, path, options, file=_FILE), Site())
    except BadExtension as error:
        raise _problem(path, where, error.found, error.expected, error.advice) from error
    except TypeError as error:
        raise _problem(path, where, f"a class that does not accept its options ({error})", "one that does") from error
    return made


_FILE = "config.yml"


def _problem(path: str, where: Where, found: str, expected: str, advice: str = "") -> ProjectError:
    return ProjectError(
        [
            Problem(
                file=where.file or _FILE,
                line=where.line,
                path="pipeline",
                code="pipeline.bad-component",
                found=f'"{path}": {found}',
                expected=expected,
                suggestion=advice,
            )
        ]
    )

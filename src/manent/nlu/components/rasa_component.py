"""Runs NLU components that were written for Rasa: `GraphComponent` of Rasa 3, and `Component` of Rasa 1 and 2.

`extensions/points.py` names `adapt` as the adapter of such classes. These classes receive a view of each message, which
has the interface of Rasa's messages. Before a component is called, the results of other components are copied to the
view. After the call, the component's changes are copied to the message.
"""

import importlib.util
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from manent.core.errors import ManentError, ModelError
from manent.core.events import Json
from manent.core.training_data import Example
from manent.extensions.finding import BadExtension
from manent.extensions.model_code import guarded
from manent.nlu.component import Context, Kind, SparseFeatures, Training
from manent.nlu.components.custom import plain
from manent.nlu.components.featurizers import NO_FEATURES
from manent.nlu.components.spacy import open_model
from manent.nlu.files import Files, dump_json, load_json
from manent.nlu.message import Message
from manent.rasa_names.engine.graph import ExecutionContext, GraphComponent, GraphSchema
from manent.rasa_names.engine.recipes.default_recipe import DefaultV1Recipe, Registration
from manent.rasa_names.engine.storage.resource import Resource
from manent.rasa_names.engine.storage.storage import ModelStorage
from manent.rasa_names.nlu.classifiers.classifier import IntentClassifier
from manent.rasa_names.nlu.component_config import Configured
from manent.rasa_names.nlu.config import RasaNLUModelConfig
from manent.rasa_names.nlu.constants import TOKENS_NAMES
from manent.rasa_names.nlu.extractors.extractor import EntityExtractorMixin
from manent.rasa_names.nlu.featurizers.featurizer import DenseFeaturizer, Featurizer, SparseFeaturizer
from manent.rasa_names.nlu.model import Metadata
from manent.rasa_names.nlu.tokenizers.tokenizer import Token, Tokenizer
from manent.rasa_names.nlu.utils.spacy_utils import SpacyModel
from manent.rasa_names.shared.nlu.constants import (
    ENTITIES,
    FEATURE_TYPE_SENTENCE,
    FEATURE_TYPE_SEQUENCE,
    INTENT,
    INTENT_RANKING_KEY,
    RESPONSE_SELECTOR,
    TEXT,
)
from manent.rasa_names.shared.nlu.training_data.features import Features
from manent.rasa_names.shared.nlu.training_data.message import Message as View
from manent.rasa_names.shared.nlu.training_data.training_data import TrainingData

_Types = DefaultV1Recipe.ComponentType
_TOKENS = TOKENS_NAMES[TEXT]
_OWN = frozenset({TEXT, _TOKENS, ENTITIES, INTENT, INTENT_RANKING_KEY, RESPONSE_SELECTOR})
"""Attributes of a view that are also attributes of a message."""

_FEATURES = "features.json"
_META = "component.json"
_FOLDER = Resource("files")
"""The folder in which a component of Rasa 2 stores its files."""


@dataclass(frozen=True, slots=True)
class RasaComponent:
    """A class that was written for Rasa.

    Attributes:
        original: the class.
        kind: how it is trained and loaded.
    """

    original: Any
    kind: Kind

    def missing_before(self, earlier: Mapping[str, Any]) -> list[str]:
        """Return the names of required components that are not in the pipeline before this one.

        Args:
            earlier: name → return value of `find` for each component before this one, or None for a built-in one.
        """
        return [
            required.__name__
            for required in self.original.required_components()
            if not any(_is_a(name, found, required) for name, found in earlier.items())
        ]


def adapt(found: type) -> RasaComponent:
    """Return the kind that trains and loads a class that was written for Rasa.

    Raises:
        BadExtension: the class is not registered, does not support the language, or needs a package that is not
            installed.
    """
    name = f"{found.__module__}.{found.__qualname__}"
    driver = _driver_of(found, name)
    _check_packages(found, name)
    return RasaComponent(
        found,
        Kind(
            load=driver.load,
            train=driver.train,
            reads=("examples", "synonyms", "patterns", "responses"),
            free=True,
        ),
    )


_SPARSE = ("CountVectorsFeaturizer", "LexicalSyntacticFeaturizer", "RegexFeaturizer")
_GROUPS: dict[type, Callable[[str], bool]] = {
    Tokenizer: lambda name: name.endswith("Tokenizer"),
    Featurizer: lambda name: name.endswith("Featurizer"),
    SparseFeaturizer: lambda name: name in _SPARSE,
    DenseFeaturizer: lambda name: name.endswith("Featurizer") and name not in _SPARSE,
    IntentClassifier: lambda name: name.endswith("Classifier"),
    EntityExtractorMixin: lambda name: name.endswith(("Extractor", "DIETClassifier")),
}
"""Base class → function that returns whether a built-in component belongs to the same group."""


def _is_a(name: str, found: Any, required: type) -> bool:
    if found is not None:
        return isinstance(found, RasaComponent) and issubclass(found.original, required)
    return name == required.__name__ or (required in _GROUPS and _GROUPS[required](name))


def _driver_of(found: Any, name: str) -> "_Driver":
    if DefaultV1Recipe.registration_of(found) is not None:
        return _Version3(found, name)
    if issubclass(found, Configured):
        return _Version2(found, name)
    raise BadExtension(
        name,
        "a class without `@DefaultV1Recipe.register(…)`",
        "a registered component",
        advice="Add the decorator with the type of the component",
    )


def _check_packages(found: Any, name: str) -> None:
    missing = [package for package in found.required_packages() if importlib.util.find_spec(package) is None]
    if missing:
        raise BadExtension(
            name,
            f"a component that needs the module{'s' * (len(missing) > 1)} {', '.join(missing)}",
            "an installed module",
            advice=f"Install the package that contains it, for example `pip install {' '.join(missing)}`",
        )


# calling the class ----------------------------------------------------------------------------------------------------


class _Driver:
    """Calls a class's methods in the same way as the Rasa version that the class was written for."""

    def __init__(self, found: Any, name: str) -> None:
        self.found = found
        self.name = name

    def train(self, options: Json, training: Training) -> Files:
        """Train the component, and return the files that it stored."""
        raise NotImplementedError

    def load(self, options: Json, files: Files, context: Context) -> "Loaded":
        """Create the component with its files."""
        raise NotImplementedError

    def process(self, instance: Any, view: View, arguments: Json) -> View:
        """Call the component for a message, and return the message."""
        raise NotImplementedError

    def check_language(self, language: str | None, supported: Any, unsupported: Any) -> None:
        """Raise an error if the component does not support the assistant's language."""
        if language is None:
            return
        if (supported is not None and language not in supported) or language in (unsupported or ()):
            raise BadExtension(
                self.name,
                f"a component that does not support the language {language!r}",
                f"one of {', '.join(supported)} as `language`" if supported else "another language",
            )

    def call(self, method: str, function: Callable[[], Any]) -> Any:
        """Call a method of the class. An error in the method becomes an error that names the class and the line.

        Raises:
            BadExtension: the method raised an error.
        """
        try:
            return function()
        except ManentError:
            raise
        except Exception as error:  # the project's code can raise anything
            place = traceback.extract_tb(error.__traceback__)[-1]
            raise BadExtension(
                self.name,
                f"{type(error).__name__} in `{method}`: {error} (line {place.lineno} of {place.filename})",
                f"a `{method}` that raises no error",
            ) from error


class _Version3(_Driver):
    """A `GraphComponent`."""

    def __init__(self, found: Any, name: str) -> None:
        super().__init__(found, name)
        registration = DefaultV1Recipe.registration_of(found)
        assert registration is not None  # noqa: S101  # `_driver_of` has already checked this
        self.registration: Registration = registration
        self.is_featurizer = _Types.MESSAGE_FEATURIZER in registration.types
        self.prepares = self.is_featurizer or _Types.MESSAGE_TOKENIZER in registration.types

    @property
    def resource(self) -> Resource:
        """The name under which the component stores its files."""
        return Resource(f"train_{self.name}")

    def train(self, options: Json, training: Training) -> Files:
        """Call `create`, then `train` with the examples."""
        supported, unsupported = (
            getattr(self.found, name, lambda: None)() for name in ("supported_languages", "not_supported_languages")
        )
        self.check_language(training.context.language, supported, unsupported)
        if not self.registration.is_trainable:
            return {}
        storage = ModelStorage()
        instance = self.call("create", lambda: self._make(self.found.create, options, storage, "train"))
        data = training_data_of(training)
        arguments = self.arguments(training.context)
        self.call("train", lambda: _finished(instance.train(data, **arguments), "train"))
        return storage.files()

    def load(self, options: Json, files: Files, context: Context) -> "Loaded":
        """Call `load` with the files."""
        stored = {name: content for name, content in files.items() if name != _FEATURES}
        storage = ModelStorage(stored)

        def make() -> Any:
            return self._make(self.found.load, options, storage, "run")

        instance = self.call("load", lambda: _guarded(self.name, storage, make))
        if _Types.MODEL_LOADER in self.registration.types:
            context.models[self.found.__name__] = self.call("provide", instance.provide)
        return _loaded(self, instance, storage, files, alias=_alias(self, options), arguments=self.arguments(context))

    def process(self, instance: Any, view: View, arguments: Json) -> View:
        """Call `process` with a list of one message."""
        if not hasattr(instance, "process"):
            return view
        returned = _finished(instance.process([view], **arguments), "process")
        return returned[0] if isinstance(returned, Sequence) and returned and isinstance(returned[0], View) else view

    def prepare(self, instance: Any, data: TrainingData, arguments: Json) -> TrainingData:
        """Call `process_training_data`, which tokenizers and featurizers have."""
        if not self.prepares or not hasattr(instance, "process_training_data"):
            return data
        returned = self.call(
            "process_training_data",
            lambda: _finished(instance.process_training_data(data, **arguments), "process_training_data"),
        )
        return returned if isinstance(returned, TrainingData) else data

    def arguments(self, context: Context) -> Json:
        """Return the model that the component requests with `model_from`."""
        source = self.registration.model_from
        if source is None:
            return {}
        if source == "SpacyNLP" and context.spacy_model is not None:
            return {"model": SpacyModel(open_model(context.spacy_model), context.spacy_model)}
        if source not in context.models:
            raise BadExtension(
                self.name,
                f"a component that needs the model of {source}",
                f"{source} before it in the pipeline",
            )
        return {"model": context.models[source]}

    def _make(self, how: Callable[..., Any], options: Json, storage: ModelStorage, node: str) -> Any:
        config = {**getattr(self.found, "get_default_config", dict)(), **options}
        surroundings = ExecutionContext(
            GraphSchema({}), model_id=None if node == "train" else "manent", node_name=f"{node}_{self.name}"
        )
        return how(config, storage, self.resource, surroundings)


class _Version2(_Driver):
    """A `Component` of Rasa 1 or 2."""

    def __init__(self, found: Any, name: str) -> None:
        super().__init__(found, name)
        self.is_featurizer = issubclass(found, Featurizer)
        self.prepares = self.is_featurizer or issubclass(found, Tokenizer)

    def train(self, options: Json, training: Training) -> Files:
        """Call `create`, `train` with the examples, and `persist`."""
        supported = getattr(self.found, "language_list", None) or getattr(self.found, "supported_language_list", None)
        unsupported = getattr(self.found, "not_supported_language_list", None)
        self.check_language(training.context.language, supported, unsupported)
        config = RasaNLUModelConfig({"language": training.context.language, "pipeline": []})
        instance = self.call("create", lambda: self._create(options, config))
        data = training_data_of(training)
        if hasattr(instance, "train"):
            self.call("train", lambda: instance.train(data, config))
        storage, meta = ModelStorage(), None
        if hasattr(instance, "persist"):
            with storage.write_to(_FOLDER) as folder:
                meta = self.call("persist", lambda: instance.persist(f"component_{self.found.__name__}", str(folder)))
        try:
            described = dump_json(plain(meta or {}))
        except TypeError as error:
            raise BadExtension(
                self.name, f"`persist` returns a value that is not JSON ({error})", "names, numbers and texts"
            ) from error
        return {_META: described, **storage.files()}

    def load(self, options: Json, files: Files, context: Context) -> "Loaded":
        """Call `load` with the return value of `persist` and the folder with the files."""
        meta = {**self._config(options), **load_json(files[_META], dict[str, Any])}
        stored = {name: content for name, content in files.items() if name not in (_FEATURES, _META)}
        storage = ModelStorage(stored)
        with storage.write_to(_FOLDER):
            pass
        with storage.read_from(_FOLDER) as folder:
            described = Metadata({"language": context.language}, str(folder))

            def make() -> Any:
                if not _has_own(self.found, "load"):
                    return self.found(meta)
                return self.found.load(meta, model_dir=str(folder), model_metadata=described, cached_component=None)

            instance = self.call("load", lambda: _guarded(self.name, storage, make))
        return _loaded(self, instance, storage, files, alias=_alias(self, options), arguments={})

    def process(self, instance: Any, view: View, arguments: Json) -> View:
        """Call `process` with a message."""
        instance.process(view, **arguments)
        return view

    def prepare(self, instance: Any, data: TrainingData, arguments: Json) -> TrainingData:
        """Call `process` for examples that are still unprepared because this component's training was skipped."""
        if self.prepares:
            for view in data.training_examples:
                if _is_unprepared(view, is_featurizer=self.is_featurizer):
                    self.call("process", lambda view=view: instance.process(view, **arguments))  # type: ignore[misc]
        return data

    def _create(self, options: Json, config: RasaNLUModelConfig) -> Any:
        made = self._config(options)
        return self.found.create(made, config) if _has_own(self.found, "create") else self.found(made)

    def _config(self, options: Json) -> Json:
        return {"name": self.found.__name__, **(getattr(self.found, "defaults", None) or {}), **options}


def _has_own(found: Any, method: str) -> bool:
    """Return whether a class overrides a method of Rasa 3's base class."""
    own = getattr(found, method, None)
    return own is not None and own.__func__ is not getattr(GraphComponent, method).__func__


def _is_unprepared(view: View, *, is_featurizer: bool) -> bool:
    return not view.features if is_featurizer else view.get(_TOKENS) is None


def _guarded(name: str, storage: ModelStorage, make: Callable[[], Any]) -> Any:
    """Call a function that may read files of the model. Pickles are checked only for components that have files."""
    if not storage.has_files:
        return make()
    with guarded(name):
        return make()


def _finished(returned: Any, method: str) -> Any:
    if hasattr(returned, "__await__"):
        returned.close()
        raise TypeError(f"`{method}` is asynchronous; Manent calls the methods of components directly")
    return returned


# the loaded component -------------------------------------------------------------------------------------------------


class _Shape(msgspec.Struct, kw_only=True):
    """The features that a component added to the examples.

    Attributes:
        width: number of features of a text. 0: none.
        size: typical norm of a text's features. The features are divided by this norm.
        token_width: number of features of a token. 0: none.
        token_size: typical norm of a token's features.
    """

    width: int = 0
    size: float = 1.0
    token_width: int = 0
    token_size: float = 1.0


class Loaded:
    """A component of a loaded pipeline."""

    def __init__(self, driver: Any, instance: Any, storage: ModelStorage, arguments: Json) -> None:
        self._driver = driver
        self._instance = instance
        self._storage = storage  # the component can read from its folder as long as the component exists
        self._arguments = arguments

    def process(self, message: Message) -> None:
        """Call the component, and apply its changes to the message."""
        shown = _show(message)
        known = len(shown.features)
        driver = self._driver
        view = _guarded(driver.name, self._storage, lambda: driver.process(self._instance, shown, self._arguments))
        _take_over(message, view, driver.name)
        self._note_features(message, view.features[known:])

    def process_training(self, training: Training) -> Files:
        """Prepare the examples for the training of later components."""
        data = training_data_of(training)
        known = [len(view.features) for view in data.training_examples]
        prepared = self._driver.prepare(self._instance, data, self._arguments).training_examples
        if len(prepared) != len(training.messages):
            raise BadExtension(
                self._driver.name,
                f"`process_training_data` returns {len(prepared)} examples",
                f"all {len(training.messages)} examples",
            )
        for message, view, count in zip(training.messages, prepared, known, strict=True):
            message.view = view
            _take_over_text(message, view)
            self._note_features(message, view.features[count:])
        return self._measure(training.messages)

    def _note_features(self, message: Message, features: Sequence[Features]) -> None:
        """Store the features that the component added. If the component added no features, nothing is stored."""

    def _measure(self, _: Sequence[Message]) -> Files:
        """Return the data about the features that loading the model requires."""
        return {}


class LoadedFeaturizer(Loaded):
    """A component whose features classifiers and entity extractors use."""

    def __init__(
        self,
        driver: Any,
        instance: Any,
        storage: ModelStorage,
        arguments: Json,
        *,
        alias: str,
        shape: _Shape,
    ) -> None:
        super().__init__(driver, instance, storage, arguments)
        self._alias = alias
        self._shape = shape

    @property
    def width(self) -> int:
        """The number of features of a text."""
        return self._shape.width

    def text_features(self, message: Message) -> SparseFeatures:
        """Return the indices and the values of a message's features."""
        if self not in message.features:
            self.process(message)  # messages generated during training have not been processed by the pipeline
        indices, values, width = _text_vector(message.features[self])
        if width and width != self._shape.width:
            raise ModelError(
                "model_unusable",
                f"{self._driver.name} adds {width} features to this text, but {self._shape.width} in the training",
            )
        return (indices, values / np.float32(self._shape.size)) if width else NO_FEATURES

    def token_features(self, message: Message) -> list[list[tuple[str, float]]]:
        """Return the features of each token."""
        count = len(message.tokens or ())
        if not self._shape.token_width:
            return [[] for _ in range(count)]
        if self not in message.features:
            self.process(message)
        rows = _token_vectors(message.features[self], count)
        return [
            [
                (f"{self._alias}:{index}", value / self._shape.token_size)
                for index, value in zip(indices.tolist(), values.tolist(), strict=True)
            ]
            for indices, values in rows
        ]

    def _note_features(self, message: Message, features: Sequence[Features]) -> None:
        message.features[self] = [each for each in features if each.attribute == TEXT]

    def _measure(self, messages: Sequence[Message]) -> Files:
        shape = _Shape()
        texts = [_text_vector(message.features[self]) for message in messages]
        shape.width = max((width for _, _, width in texts), default=0)
        shape.size = _typical_norm([values for _, values, _ in texts])
        tokens = [
            row for message in messages for row in _token_vectors(message.features[self], len(message.tokens or ()))
        ]
        shape.token_width = max((int(indices.max()) + 1 for indices, _ in tokens if len(indices)), default=0)
        shape.token_size = _typical_norm([values for _, values in tokens])
        self._shape = shape
        return {_FEATURES: dump_json(shape)}


def _loaded(driver: Any, instance: Any, storage: ModelStorage, files: Files, *, alias: str, arguments: Json) -> Loaded:
    if not driver.is_featurizer:
        return Loaded(driver, instance, storage, arguments)
    shape = load_json(files[_FEATURES], _Shape) if _FEATURES in files else _Shape()
    return LoadedFeaturizer(driver, instance, storage, arguments, alias=alias, shape=shape)


def _alias(driver: Any, options: Json) -> str:
    return str(options.get("alias") or driver.name)


def _typical_norm(vectors: Sequence[NDArray[np.float32]]) -> float:
    squares = [float(values @ values) for values in vectors if len(values)]
    mean = sum(squares) / len(squares) if squares else 0.0
    return float(mean**0.5) or 1.0


def _text_vector(features: Sequence[Features]) -> tuple[NDArray[np.int64], NDArray[np.float32], int]:
    """Return the indices and the values of a text's features, and the number of features.

    If the text has no features, return the mean of its words' features.
    """
    kind = FEATURE_TYPE_SENTENCE if any(each.type == FEATURE_TYPE_SENTENCE for each in features) else None
    indices, values, base = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)], 0
    for each in features:
        if each.type != (kind or FEATURE_TYPE_SEQUENCE):
            continue
        rows = np.asarray(each.features if each.is_dense() else each.features.todense(), np.float32)
        row = rows.reshape(-1, rows.shape[-1]).mean(axis=0)
        found = row.nonzero()[0]
        indices.append(found + base)
        values.append(row[found])
        base += len(row)
    return np.concatenate(indices), np.concatenate(values), base


def _token_vectors(features: Sequence[Features], count: int) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Return the indices and the values of each token's features.

    Omit features that do not have exactly one row per token.
    """
    parts = [
        np.asarray(each.features if each.is_dense() else each.features.todense(), np.float32)
        for each in features
        if each.type == FEATURE_TYPE_SEQUENCE and each.features.shape[0] == count
    ]
    if not parts:
        return [(np.zeros(0, np.int64), np.zeros(0, np.float32)) for _ in range(count)]
    rows = np.concatenate(parts, axis=1)
    return [(row.nonzero()[0], row[row.nonzero()[0]]) for row in rows]


# messages and views ---------------------------------------------------------------------------------------------------


def training_data_of(training: Training) -> TrainingData:
    """Return the training data in the form that these classes expect. The examples are the views of the messages."""
    views = []
    for example, message in zip(training.examples, training.messages, strict=True):
        if message.view is None:
            message.view = _example_view(example)
        _show_text(message, message.view)
        views.append(message.view)
    data = training.data
    return TrainingData(
        views,
        dict(data.synonyms),
        [{"name": name, "pattern": pattern} for name, pattern in data.regexes],
        [{"name": name, "elements": list(entries)} for name, entries in data.lookups.items()],
        dict(data.responses),
    )


def _example_view(example: Example) -> View:
    view = View.build(example.text, example.intent or None)
    if example.metadata is not None:
        view.set("metadata", {"example": example.metadata})
    if example.entities:
        view.set(
            ENTITIES,
            [
                {
                    "start": mention.start,
                    "end": mention.end,
                    "value": mention.value,
                    "entity": mention.entity,
                    **({"role": mention.role} if mention.role else {}),
                    **({"group": mention.group} if mention.group else {}),
                }
                for mention in example.entities
            ],
        )
    return view


def _show(message: Message) -> View:
    """Return the view of a message, with the results of other components."""
    if message.view is None:
        message.view = View()
    view: View = message.view
    _show_text(message, view)
    for name, value in (
        (ENTITIES, message.entities),
        (INTENT, message.intent),
        (INTENT_RANKING_KEY, message.intent_ranking),
        (RESPONSE_SELECTOR, message.response_selector),
    ):
        if value is not None:
            view.set(name, value, add_to_output=True)
    return view


def _show_text(message: Message, view: View) -> None:
    view.data[TEXT] = message.text
    if message.tokens is not None and _spans(view) != message.tokens:
        text = message.text
        view.set(_TOKENS, [Token(text[start:end], start, end) for start, end in message.tokens], add_to_output=True)


def _spans(view: View) -> list[tuple[int, int]] | None:
    tokens = view.get(_TOKENS)
    return None if tokens is None else [(token.start, token.end) for token in tokens]


def _take_over(message: Message, view: View, name: str) -> None:
    message.view = view
    _take_over_text(message, view)
    message.entities = [plain(entity) for entity in view.get(ENTITIES) or ()]
    intent = view.get(INTENT)
    message.intent = plain(intent) if isinstance(intent, Mapping) else message.intent
    ranking = view.get(INTENT_RANKING_KEY)
    message.intent_ranking = None if ranking is None else [plain(each) for each in ranking]
    message.response_selector = plain(view.get(RESPONSE_SELECTOR))
    for key in view.output_properties - _OWN:
        if view.get(key) is None:
            continue
        message.output[key] = plain(view.get(key))
        try:
            dump_json(message.output[key])
        except TypeError as error:
            raise BadExtension(
                name,
                f'it adds "{key}" to the output with a value that is not JSON ({error})',
                "strings, numbers, and lists or mappings of them",
            ) from error


def _take_over_text(message: Message, view: View) -> None:
    text = view.get(TEXT)
    if isinstance(text, str) and text != message.text:
        message.text = text
        message.hashed.clear()
    spans = _spans(view)
    if spans is not None and spans != message.tokens:
        message.set_tokens(spans, [token.text for token in view.get(_TOKENS)])

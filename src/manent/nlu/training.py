"""Trains the NLU pipeline, one component after another.

Each component receives the examples after the previous components have processed them.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence

import msgspec
from threadpoolctl import threadpool_limits

from manent.core.domain import Domain
from manent.core.errors import Problem, ProjectError
from manent.core.events import Json
from manent.core.training_data import AssistantConfig, ComponentConfig, NluData
from manent.nlu.component import Context, Kind, Preparing, Training
from manent.nlu.files import dump_json
from manent.nlu.message import Message
from manent.nlu.pipeline import FOLDER, INDEX, Entry, Index, load_component, offer_features, read_index
from manent.nlu.registry import find_kind
from manent.nlu.vectors import WordVectors


def train_pipeline(
    config: AssistantConfig,
    data: NluData,
    domain: Domain,
    *,
    vectors: Callable[[], WordVectors],
    progress: Callable[[str], None] = lambda _line: None,
    previous: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """Train the components of `config.yml`.

    Args:
        config: language and pipeline.
        data: examples, synonyms, patterns, responses.
        domain: the domain.
        vectors: opens the word vectors, if a component uses them (`models/vectors.py`).
        progress: called with a line for each step, and at the end with the notes for the user.
        previous: files of the previous model. Components with unchanged inputs are copied from it.

    Returns:
        The model's files, by name (`nlu/…`).

    Raises:
        ProjectError: a component is unknown, or an option is not valid.
    """
    # The matrices are small, so a second thread does not save time. On a busy CPU, threads that wait for each other
    # take a hundred times as long (64 ms instead of 0.5 ms for a product of 600 x 600).
    with threadpool_limits(1):
        return _train(config, data, domain, open_vectors=vectors, progress=progress, previous=previous)


def _train(
    config: AssistantConfig,
    data: NluData,
    domain: Domain,
    *,
    open_vectors: Callable[[], WordVectors],
    progress: Callable[[str], None],
    previous: Mapping[str, bytes] | None,
) -> dict[str, bytes]:
    kinds = _find_kinds(config)
    used_vectors: list[WordVectors] = []

    def vectors() -> WordVectors:
        opened = open_vectors()
        used_vectors[:] = [opened]
        return opened

    context = Context(language=config.language, domain=domain, vectors=vectors)
    examples = [example for example in data.examples if example.text.strip()]
    messages = [Message(example.text) for example in examples]
    training = Training(context=context, data=data, examples=examples, messages=messages, tell=progress)
    known = _known(previous, open_vectors)
    files: dict[str, bytes] = {}
    entries: list[Entry] = []
    digests = _digest_data(data, domain)
    chain = hashlib.sha256(repr(config.language).encode()).hexdigest()
    for place, (component, kind) in enumerate(zip(config.pipeline, kinds, strict=True)):
        options, ignored = _options(component, kind)
        if ignored:
            training.notes.append(f"{component.name}: {', '.join(ignored)} {_have_no_effect(ignored)}")
        fingerprint = _fingerprint(component, kind, options, digests, chain)
        chain = fingerprint
        entry = Entry(
            name=component.name, options=options, folder=f"{place:02d}-{component.name}", fingerprint=fingerprint
        )
        own = known.get(fingerprint)
        if own is None:
            progress(f"{component.name}: training")
            own = dict(kind.train(options, training))
        prefix = f"{FOLDER}{entry.folder}/"
        files |= {prefix + name: content for name, content in own.items()}
        loaded = load_component(entry, files, context)
        if isinstance(loaded, Preparing):
            files |= {prefix + name: content for name, content in loaded.process_training(training).items()}
        offer_features(entry, loaded, context)
        entries.append(entry)
    index = Index(
        language=config.language, components=entries, vectors=used_vectors[0].sha256 if used_vectors else None
    )
    files[INDEX] = msgspec.json.encode(index)  # options keep their order, on which a component may depend
    for note in training.notes:
        progress(note)
    return files


def _have_no_effect(names: Sequence[str]) -> str:
    return "have no effect and are ignored." if len(names) > 1 else "has no effect and is ignored."


def _find_kinds(config: AssistantConfig) -> list[Kind]:
    kinds = [find_kind(component.name, component.where) for component in config.pipeline]
    problems = [
        Problem(
            file=component.where.file or "config.yml",
            line=component.where.line,
            path="pipeline",
            code="pipeline.unknown-component",
            found=repr(component.name),
            expected="a component of Rasa's default recipe, or the module path of a custom component",
        )
        for component, kind in zip(config.pipeline, kinds, strict=True)
        if kind is None
    ]
    if problems:
        raise ProjectError(problems)
    return [kind for kind in kinds if kind is not None]


def _options(component: ComponentConfig, kind: Kind) -> tuple[Json, list[str]]:
    """Add defaults to the options. Return the options, and the names of the options that have no effect.

    Raises:
        ProjectError: an option is not valid. The reader of `config.yml` normally finds such options earlier and reports
            their lines.
    """
    given = {name: value for name, value in component.options.items() if name != "name"}
    if kind.free:
        return given, []
    known = kind.declared
    options, wrong = known.read(given)
    if wrong:
        raise ProjectError(
            [
                Problem(
                    file=component.where.file or "config.yml",
                    line=component.where.line,
                    path=f"pipeline.{component.name}.{name}",
                    code="config.option",
                    found=repr(given[name]),
                    expected=expected,
                )
                for name, expected in wrong.items()
            ]
        )
    meant = {name: value for name, value in options.items() if name in known.values}
    return {**kind.options, **meant}, [name for name in given if name in kind.ignored]


def _digest_data(data: NluData, domain: Domain) -> dict[str, str]:
    examples = [(example.text, example.intent, example.entities) for example in data.examples]
    parts: dict[str, object] = {
        "examples": examples,
        "synonyms": data.synonyms,
        "patterns": (data.regexes, data.lookups),
        "responses": (data.responses, domain.original.get("responses")),
    }
    return {name: hashlib.sha256(dump_json(part)).hexdigest() for name, part in parts.items()}


def _fingerprint(component: ComponentConfig, kind: Kind, options: Json, digests: Mapping[str, str], chain: str) -> str:
    inputs = (component.name, component.code, kind.version, options, [digests[part] for part in kind.reads], chain)
    return hashlib.sha256(dump_json(inputs)).hexdigest()


def _known(previous: Mapping[str, bytes] | None, vectors: Callable[[], WordVectors]) -> dict[str, dict[str, bytes]]:
    """Return the files of the previous model's components, by fingerprint."""
    index = read_index(previous) if previous else None
    if index is None or previous is None:
        return {}
    if index.vectors is not None and index.vectors != vectors().sha256:
        return {}
    known = {}
    for entry in index.components:
        prefix = f"{FOLDER}{entry.folder}/"
        own = {name.removeprefix(prefix): content for name, content in previous.items() if name.startswith(prefix)}
        known[entry.fingerprint] = own
    return known

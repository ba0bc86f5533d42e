"""Trains a model file from a project's files, for the command line and the server's `POST /model/train`.

Training reads the project, determines which parts changed since the newest model, and trains only these parts. It
writes a new model and keeps the old ones. This module defines the order of the steps. It prints nothing.
"""

import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from manent import __version__
from manent.core.domain import Domain
from manent.core.errors import ManentError, ModelError, Problem, ProjectError
from manent.core.training_data import AssistantConfig, NluData, Stories
from manent.extensions.model_code import trust_model_code
from manent.models.archive import find_model, model_name, read_model, write_model
from manent.models.metadata import MODEL_FORMAT, Metadata
from manent.project.reading import Project, read_project, validate_settings
from manent.project.settings.endpoints import trusts_model_code

Part = Literal["nlu", "core"]
Progress = Callable[[str], None]
"""Called with a short text for each step. A text that ends with a full stop is a note for the user instead."""


_deterministic = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """The parts to train, and the paths of the files.

    Attributes:
        root: folder of the project. The other paths are relative to it.
        domain: the domain's file or folder. None: `domain.yml`.
        data: files and folders of training data. None: `data`.
        config: the configuration file. None: `config.yml`.
        out: folder for the model.
        parts: the parts to train.
        fixed_name: name of the model file (with or without `.tar.gz`). Default: the time and two words.
        force: whether to also train parts that have not changed.
        dry_run: whether to only determine which parts would be trained.
        fail_on_warnings: whether warnings about the project are treated as errors.
    """

    root: Path = Path()
    domain: Path | None = None
    data: tuple[Path, ...] | None = None
    config: Path | None = None
    out: Path = Path("models")
    parts: tuple[Part, ...] = ("nlu", "core")
    fixed_name: str | None = None
    force: bool = False
    dry_run: bool = False
    fail_on_warnings: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The result of a training.

    Attributes:
        path: the model file. None after a dry run that found parts to train.
        changed: the parts that were trained, or would be: `nlu`, `core`, `domain`. Empty: nothing has changed, and
            `path` is the existing model.
        warnings: warnings about the project.
        seconds: duration of the training.
    """

    path: Path | None
    changed: tuple[str, ...]
    warnings: tuple[Problem, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _OldModel:
    path: Path
    metadata: Metadata
    files: dict[str, bytes]

    @property
    def is_of_this_format(self) -> bool:
        """Return whether a new model can reuse parts of this model."""
        return self.metadata.format == MODEL_FORMAT

    def part(self, part: Part) -> dict[str, bytes]:
        return {name: content for name, content in self.files.items() if name.startswith(_FOLDERS[part])}


_FOLDERS = {"nlu": "nlu/", "core": "dialogue/"}
"""Part → folder of its files in a model."""


def train(options: TrainingOptions, progress: Progress | None = None) -> Trained:
    """Train the parts that have changed and write a model.

    Args:
        options: the parts to train, and the paths.
        progress: called for each step.

    Raises:
        ProjectError: the project has mistakes. Nothing was written.
        ManentError: `train.no_examples`, `train.no_stories` or `train.no_data`: there is nothing to train.
    """
    began = time.monotonic()
    report = progress or _ignore
    report("Reading the project")
    project = read_project(options.root, domain=options.domain, data=options.data, config=options.config)
    project = replace(project, warnings=(*project.warnings, *validate_settings(options.root)))
    if options.fail_on_warnings and project.warnings:
        raise ProjectError([replace(warning, warning=False) for warning in project.warnings])

    if trusts_model_code(options.root):
        trust_model_code(is_trusted=True)
    options = _without_empty_parts(options, project, report)
    wanted = fingerprints(project.config, project.domain, project.nlu, project.stories)
    old = _find_old_model(options)
    changed = _find_changes(options, wanted, old)
    if old is not None and not changed:
        return Trained(path=old.path, changed=(), warnings=project.warnings, seconds=time.monotonic() - began)
    if options.dry_run:
        return Trained(path=None, changed=changed, warnings=project.warnings, seconds=time.monotonic() - began)

    files: dict[str, bytes] = {}
    warnings = project.warnings
    for part in options.parts:
        if old is not None and part not in changed:
            files |= old.part(part)
        else:
            reusable = old if old is not None and old.is_of_this_format and not options.force else None
            files |= _train_part(part, project, reusable, report)
            if part == "nlu":
                warnings += _check_examples(files, project, report)
    report("Writing the model")
    path = _write(options, project, wanted, old, files)
    return Trained(path=path, changed=changed, warnings=warnings, seconds=time.monotonic() - began)


def _without_empty_parts(options: TrainingOptions, project: Project, report: Progress) -> TrainingOptions:
    """Return the parts for which the project has training data.

    Without stories and rules, only the NLU model is trained.

    Raises:
        ManentError: `train.no_examples`, `train.no_stories` or `train.no_data`: no part remains.
    """
    stories = project.stories
    has_data = {"nlu": bool(project.nlu.examples), "core": bool(stories.stories or stories.rules)}
    parts = tuple(part for part in options.parts if has_data[part])
    if not parts:
        code, missing = _NO_DATA[options.parts if len(options.parts) == 1 else ()]
        raise ManentError(
            code, f"there is nothing to train: {missing} in {_paths(options)}. Name other files with {_flags(options)}."
        )
    if parts == options.parts:
        return options
    if "nlu" in parts:
        report("No stories or rules found, so only the NLU model is trained. The bot will not answer.")
    else:
        report("No NLU examples found, so only the dialogue is trained. Messages must name their intent, as in /greet.")
    return replace(options, parts=parts)


_NO_DATA: dict[tuple[Part, ...], tuple[str, str]] = {
    ("nlu",): ("train.no_examples", "no NLU examples"),
    ("core",): ("train.no_stories", "no stories or rules"),
    (): ("train.no_data", "no NLU examples, stories or rules"),
}


def _paths(options: TrainingOptions) -> str:
    return ", ".join(str(path) for path in options.data or (Path("data"),))


def _flags(options: TrainingOptions) -> str:
    if len(options.parts) > 1:
        return "--data"
    return "--nlu" if options.parts[0] == "nlu" else "--stories"


def _ignore(_: str) -> None:
    pass


def _find_old_model(options: TrainingOptions) -> _OldModel | None:
    """Return the newest model that contains the parts to train, or None if this version cannot reuse it."""
    folder = options.root / options.out
    try:
        path = find_model(folder / _file_name(options.fixed_name) if options.fixed_name else folder)
        files = read_model(path)
        metadata = msgspec.json.decode(files["metadata.json"], type=Metadata)
    except (ModelError, KeyError, msgspec.DecodeError):
        return None  # it is not a Manent model, so everything is trained
    old = _OldModel(path=path, metadata=metadata, files=files)
    return old if all(old.part(part) for part in options.parts) else None


def _find_changes(options: TrainingOptions, wanted: dict[str, str], old: _OldModel | None) -> tuple[str, ...]:
    """Return the parts that differ from the old model, in the order of training."""
    names = (*options.parts, "domain")
    if old is None or options.force:
        return names
    return tuple(name for name in names if old.metadata.fingerprints.get(name) != wanted[name])


def _train_part(part: Part, project: Project, old: _OldModel | None, report: Progress) -> dict[str, bytes]:
    """Train one part, and reuse unchanged results from the old model.

    The libraries for the training are imported only here.
    """
    if part == "nlu":
        from manent.models.vectors import open_vectors
        from manent.nlu.training import train_pipeline

        report("Training the NLU model")
        previous = old.part("nlu") if old is not None else None
        return train_pipeline(
            project.config, project.nlu, project.domain, progress=report, previous=previous, vectors=open_vectors
        )

    from manent.dialogue.model import train_dialogue

    report("Training the dialogue model")
    return train_dialogue(project.config, project.domain, project.stories, progress=report)


def _check_examples(files: dict[str, bytes], project: Project, report: Progress) -> tuple[Problem, ...]:
    from manent.models.vectors import open_vectors
    from manent.nlu.own_examples import find_refused_examples

    report("Checking the examples")
    return tuple(find_refused_examples(files, project.nlu, project.domain, vectors=open_vectors))


def _write(
    options: TrainingOptions, project: Project, wanted: dict[str, str], old: _OldModel | None, files: dict[str, bytes]
) -> Path:
    metadata = Metadata(
        format=MODEL_FORMAT,
        manent_version=__version__,
        model_id=uuid.uuid4().hex,
        assistant_id=_assistant_id(project, old),
        trained_at=time.time(),
        fingerprints=wanted,
    )
    files = files | {
        "metadata.json": msgspec.json.encode(metadata),
        "domain.json": msgspec.json.encode(project.domain),
        "config.json": msgspec.json.encode(project.config),
    }
    prefix = "" if len(options.parts) > 1 else f"{options.parts[0]}-"
    name = _file_name(options.fixed_name) if options.fixed_name else model_name(prefix)
    path = options.out / name
    write_model(options.root / path, files)
    return options.root / path


def _assistant_id(project: Project, old: _OldModel | None) -> str:
    """Return the assistant id: the configured id, the old model's id, or a new id.

    The configuration is not changed.
    """
    if project.config.assistant_id:
        return project.config.assistant_id
    return old.metadata.assistant_id if old is not None else uuid.uuid4().hex


def _file_name(name: str) -> str:
    return name if name.endswith(".tar.gz") else f"{name}.tar.gz"


def fingerprints(config: AssistantConfig, domain: Domain, nlu: NluData, stories: Stories) -> dict[str, str]:
    """Return, for each part (`nlu`, `core`, `domain`), a hash of all its inputs."""
    names = {"intents": domain.intents, "entities": domain.entities}
    shape = {
        **names,
        "slots": domain.slots,
        "forms": domain.forms,
        "actions": domain.action_names,
        "is_legacy": domain.is_legacy,
    }
    return {
        "nlu": _digest([config.language, config.pipeline, names, nlu]),
        "core": _digest([config.policies, shape, stories]),
        "domain": _digest([domain, list(domain.action_names)]),
    }


def _digest(value: Any) -> str:
    """Return a hash of plain data. The hash does not depend on the data's positions in the files."""
    plain = _without_places(msgspec.to_builtins(value))
    return hashlib.sha256(_deterministic.encode([MODEL_FORMAT, __version__, plain])).hexdigest()


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_places(item)
            for key, item in value.items()
            if not (key == "where" and isinstance(item, dict) and item.keys() == {"file", "line"})
        }
    if isinstance(value, list | tuple):
        return [_without_places(item) for item in value]
    return value

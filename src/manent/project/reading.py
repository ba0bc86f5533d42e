"""Reads a whole project.

Called by training and by commands. No other module reads a project's files. This module reads all files before it
raises an error, so that one `ProjectError` contains all problems. It does not write files.
"""

import contextlib
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from manent.core.domain import OWN_ACTIONS, Domain, Intent
from manent.core.errors import Problem
from manent.core.events import Json
from manent.core.training_data import ActionStep, AssistantConfig, NluData, Stories
from manent.project.checks import Parsed, check_project
from manent.project.data.markdown import is_page, markdown_kind
from manent.project.data.markdown_nlu import add_markdown_nlu, add_markdown_responses
from manent.project.data.markdown_stories import stories_document
from manent.project.data.nlu import NluFiles, add_nlu_document
from manent.project.data.nlu_json import add_json_nlu, is_json_nlu
from manent.project.data.stories import StoryFiles, add_stories_document
from manent.project.data.story_examples import with_story_examples
from manent.project.domain.definition import build_domain
from manent.project.domain.format_1 import convert_domain_1, may_be_format_1, rename_retrieval_actions
from manent.project.domain.format_2 import convert_domain
from manent.project.domain.merging import OTHER_KEYS, RawDomain, read_domain_files
from manent.project.files import (
    DOMAIN_KEYS,
    MARKDOWN_SUFFIXES,
    YAML_SUFFIXES,
    find_files,
    is_domain,
    is_nlu,
    is_stories,
)
from manent.project.imports import CONFIG_NAMES, find_imports
from manent.project.problems import Report, Spot, did_you_mean, one_of, quoted
from manent.project.settings.config import read_config
from manent.project.settings.credentials import read_channels
from manent.project.settings.endpoints import read_sections
from manent.project.settings.format_1 import has_old_names, looks_newer, with_defaults_of_1, with_new_names
from manent.project.settings.policies_2x import convert_policies
from manent.project.versions import is_readable, read_version
from manent.project.yaml.documents import Broken, parse_document, plain, read_document, read_text

_DATA_KEYS = ("nlu", "stories", "rules", "responses")
DOMAIN_NAMES = ("domain.yml", "domain.yaml", "domain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project without errors.

    Attributes:
        root: its folder.
        is_format_1: whether the project is in format 1.x.
        markdown: its Markdown files of training data, in the order in which they were read.
        warnings: the warnings, by file and line.
    """

    root: Path
    domain: Domain
    nlu: NluData
    stories: Stories
    config: AssistantConfig
    is_format_1: bool = False
    markdown: tuple[Path, ...] = ()
    warnings: tuple[Problem, ...] = ()


def read_project(
    root: Path,
    *,
    domain: Path | Sequence[Path] | None = None,
    data: Sequence[Path] | None = None,
    config: Path | None = None,
) -> Project:
    """Read and check a project.

    Args:
        root: the project folder. Paths in messages are relative to it.
        domain: domain files, or directories that are read recursively. Default: `domain.yml`.
        data: files and directories of training data. Default: `data`.
        config: the configuration file. Default: `config.yml`.

    Relative paths are relative to `root`.

    Raises:
        ProjectError: contains the problems of all files.
    """
    report = Report(Path(root))
    _, project = _read(domain, data, config, report)
    report.raise_errors()
    return replace(project, warnings=report.warnings)


def read_nlu(root: Path, data: Sequence[Path] | None = None) -> NluData:
    """Read only the NLU data.

    The result contains the `responses` of NLU files, unchanged. The arguments are the same as for `read_project`.

    Raises:
        ProjectError: contains the mistakes of all files, including those of stories.
    """
    report = Report(Path(root))
    files = _read_data(data_paths(report.root, data), report)
    _read_markdown(files, report)
    nlu = files.nlu
    report.raise_errors()
    return nlu.data({name: plain(spot.value) for name, spot in nlu.responses.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The result of checking a project.

    Attributes:
        problems: errors, then warnings, each by file and line.
        project: the parts of the project that could be read.
        is_complete: whether the project has no errors.
        has_dialogue: whether the domain, the stories and the rules could be read. Only then can they be compared.
    """

    problems: tuple[Problem, ...]
    project: Project
    is_complete: bool
    has_dialogue: bool


def validate_project(
    root: Path,
    *,
    domain: Path | Sequence[Path] | None = None,
    data: Sequence[Path] | None = None,
    config: Path | None = None,
    credentials: Path | None = None,
    endpoints: Path | None = None,
) -> Validation:
    """Return all problems of a project, including those of `credentials.yml` and `endpoints.yml`.

    Args:
        root: the project folder.
        domain: domain files or directories, as for `read_project`.
        data: files and directories of training data, as for `read_project`.
        config: the configuration file, as for `read_project`.
        credentials: the credentials file. Default: `credentials.yml`, which need not exist.
        endpoints: the endpoints file. Default: `endpoints.yml`, which need not exist.
    """
    report = Report(Path(root))
    parsed, project = _read(domain, data, config, report)
    is_complete = not report.errors
    _check_settings(report, credentials, endpoints)
    return Validation(
        problems=(*report.errors, *report.warnings),
        project=project,
        is_complete=is_complete,
        has_dialogue=not (parsed.raw.is_broken or parsed.are_stories_broken),
    )


_OF_THE_ENVIRONMENT = ("yaml.unset-variable", "endpoints.variable")
"""Codes of problems with environment variables, which matter only on the machine where the server runs."""


def validate_settings(root: Path) -> tuple[Problem, ...]:
    """Return warnings about the parts of `credentials.yml` and `endpoints.yml` that a server rejects or ignores.

    Variables that are not set in this environment are not reported, because the server may run in a different
    environment.
    """
    report = Report(Path(root))
    _check_settings(report, None, None)
    found = (*report.errors, *report.warnings)
    return tuple(replace(problem, warning=True) for problem in found if problem.code not in _OF_THE_ENVIRONMENT)


def _check_settings(report: Report, credentials: Path | None, endpoints: Path | None) -> None:
    for read, path in (
        (read_channels, report.root / (credentials or "credentials.yml")),
        (read_sections, report.root / (endpoints or "endpoints.yml")),
    ):
        if path.exists():
            with contextlib.suppress(Broken):
                read(Spot(read_document(path, report), report.name_of(path), 1, "", report))


def _read(
    domain: Path | Sequence[Path] | None, data: Sequence[Path] | None, config: Path | None, report: Report
) -> tuple[Parsed, Project]:
    """Read a project as far as possible. The report receives the problems."""
    document, config_file, has_config = _read_config(report.root, config, report)
    imports = find_imports(document, find_config(report.root, config), report)
    files = _read_data([*data_paths(report.root, data), *imports], report)
    raw_domain = _read_domain(domain_paths(report.root, domain), imports, report)
    may_be_old = may_be_format_1(raw_domain) and not files.declares_3
    if may_be_old or not (files.declares_3 or _declares_3(raw_domain)):
        _read_markdown(files, report)
    else:
        _warn_unread_markdown(files, report)
    nlu, story_files = files.nlu, files.stories
    if domain is not None or story_files.is_broken or story_files.stories or story_files.rules:
        _report_missing_domain(domain_paths(report.root, domain), report)
    is_format_1 = may_be_old and _is_format_1(raw_domain, files, document)
    assistant = read_config(with_new_names(document), config_file, report.root, report)
    for name, spot in nlu.responses.items():
        raw_domain.responses.setdefault(name, spot)
    stories = Stories(stories=tuple(story_files.stories), rules=tuple(story_files.rules))
    if is_format_1:
        retrieval = nlu.retrieval_intents
        convert_domain_1(raw_domain, retrieval, report)
        stories = rename_retrieval_actions(stories, retrieval)
        assistant = with_defaults_of_1(assistant)
    conversion = convert_domain(raw_domain)
    built = build_domain(raw_domain, is_legacy=conversion.is_legacy, legacy_forms=conversion.forms)
    assistant, stories = convert_policies(assistant, stories, conversion.triggers, report)
    nlu_data = nlu.data(_retrieval_responses(raw_domain))
    project = Project(
        root=report.root,
        domain=_with_training_data(built, nlu, stories),
        nlu=nlu_data if is_format_1 else with_story_examples(nlu_data, stories),
        stories=stories,
        config=assistant,
        is_format_1=is_format_1,
        markdown=tuple(files.read_markdown),
    )
    parsed = Parsed(
        domain=project.domain,
        nlu=project.nlu,
        stories=stories,
        config=assistant,
        raw=raw_domain,
        lookup_places=nlu.lookup_places,
        is_nlu_broken=nlu.is_broken,
        are_stories_broken=story_files.is_broken,
        is_config_broken=not has_config,
    )
    check_project(parsed, report)
    return parsed, project


def domain_paths(root: Path, given: Path | Sequence[Path] | None) -> list[Path]:
    """Return the paths of a project's domain: the given paths, or the default path that exists."""
    if given is not None:
        return [root / path for path in ([given] if isinstance(given, Path | str) else given)]
    return [next((root / name for name in DOMAIN_NAMES if (root / name).exists()), root / DOMAIN_NAMES[0])]


def data_paths(root: Path, given: Sequence[Path] | None) -> list[Path]:
    """Return the paths of a project's training data."""
    return [root / path for path in given] if given is not None else [root / "data"]


def find_config(root: Path, given: Path | None) -> Path:
    """Return the path of a project's configuration. It need not exist."""
    if given is not None:
        return root / given
    return next((root / name for name in CONFIG_NAMES if (root / name).exists()), root / CONFIG_NAMES[0])


def _read_domain(paths: list[Path], imports: list[Path], report: Report) -> RawDomain:
    imported = [path for path in find_files(imports) if is_domain(path)]
    raw = read_domain_files(find_files([*paths, *imported], subdirectories_last=True), report)
    raw.is_broken = raw.is_broken or not all(path.exists() for path in paths)
    for path in paths:
        if path.is_file() and not path.stat().st_size:
            report.warn(
                report.name_of(path),
                0,
                "",
                "domain.empty",
                found="an empty file",
                expected="a domain, with the intents and responses that the stories and rules use",
                suggestion="Save the file if it is still open in an editor",
            )
    return raw


def _report_missing_domain(paths: list[Path], report: Report) -> None:
    """Report missing domain files. A project that has only NLU data does not need a configuration."""
    for path in paths:
        if not path.exists():
            _report_missing(path, "domain", report)


def _report_missing(path: Path, what: str, report: Report) -> None:
    report.error(
        report.name_of(path),
        0,
        "",
        f"{what}.missing",
        found="no such file or folder",
        expected=f"the project's {what}",
        suggestion=f"Set its path with --{what}",
    )


@dataclass(slots=True)
class _DataFiles:
    """The training data that have been read so far.

    Attributes:
        markdown: files that may be data of format 1.x. Markdown is read last, when the format of the project is known.
        read_markdown: the files of `markdown` that were read.
        versions: the versions that the files declare.
    """

    nlu: NluFiles = field(default_factory=NluFiles)
    stories: StoryFiles = field(default_factory=StoryFiles)
    markdown: list[Path] = field(default_factory=list)
    read_markdown: list[Path] = field(default_factory=list)
    versions: set[tuple[int, int]] = field(default_factory=set)

    @property
    def declares_3(self) -> bool:
        """Whether a file declares format 3.0 or higher."""
        return any(version >= (3, 0) for version in self.versions)


def _read_data(paths: list[Path], report: Report) -> _DataFiles:
    """Read all training data except Markdown."""
    files = _DataFiles()
    for path in paths:
        if not path.exists():
            _report_missing(path, "data", report)
            files.nlu.is_broken = files.stories.is_broken = True
    for path in find_files(paths, (*YAML_SUFFIXES, *MARKDOWN_SUFFIXES, ".json")):
        if path.suffix in MARKDOWN_SUFFIXES:
            files.markdown.append(path)
        else:
            _read_data_file(path, files, report)
    read_lookups(files.nlu, report)
    return files


def _declares_3(raw: RawDomain) -> bool:
    return raw.version is not None and raw.version >= (3, 0)


def _is_format_1(raw: RawDomain, files: _DataFiles, config: Any) -> bool:
    """Return whether a project is in format 1.x.

    Such a project uses features of 1.x, and no features of later formats.
    """
    if files.versions or files.stories.rules or looks_newer(config):
        return False
    return raw.has_templates or bool(files.read_markdown) or has_old_names(config)


def _read_markdown(files: _DataFiles, report: Report) -> None:
    """Read training data written in Markdown."""
    for path in files.markdown:
        file = report.name_of(path)
        try:
            text = read_text(path, report)
        except Broken:
            report.broken.add(file)
            files.nlu.is_broken = files.stories.is_broken = True
            continue
        kind = markdown_kind(text)
        if kind is not None:
            files.read_markdown.append(path)
        match kind:
            case "nlu":
                add_markdown_nlu(files.nlu, text, file, report)
            case "responses":
                add_markdown_responses(files.nlu, text, file, report)
            case "stories":
                add_stories_document(files.stories, stories_document(text, file, report), file, report)
            case _ if not is_page(path):
                expected = "headings such as `## intent:greet`, or stories (the file is left out)"
                report.warn(file, 0, "", "data.markdown", found="Markdown that is not training data", expected=expected)
    read_lookups(files.nlu, report)


def _warn_unread_markdown(files: _DataFiles, report: Report) -> None:
    """Warn about Markdown data in a project of format 3.x, because Rasa does not read it there."""
    for path in files.markdown:
        try:
            kind = markdown_kind(read_text(path, report))
        except Broken:
            continue
        if kind is not None:
            report.warn(
                report.name_of(path),
                0,
                "",
                "data.markdown-unread",
                found=f"Markdown ({kind}) in a project of format 3.x",
                expected="YAML (the file is left out)",
                suggestion="Remove the file, or remove `version:` so that `manent data migrate` reads it",
            )


_MAX_LOOKUP = 10_000_000
"""Maximum size in bytes of a file with the entries of a lookup table."""


def read_lookups(nlu: NluFiles, report: Report) -> None:
    """Read the files that lookup tables name.

    Their paths are relative to the project, or to the file that names them.
    """
    for lookup in nlu.lookup_files:
        places = (report.root / lookup.path, (report.root / lookup.file).parent / lookup.path)
        path = next((place for place in places if place.is_file()), None)
        if path is None or path.stat().st_size > _MAX_LOOKUP:
            report.error(
                lookup.file,
                lookup.line,
                "nlu",
                "nlu.lookup-file",
                found=quoted(lookup.path),
                expected=f"a text file with the entries of {lookup.name}, at most {_MAX_LOOKUP:,} bytes",
                suggestion="Give its path relative to the project",
            )
            continue
        with contextlib.suppress(Broken):
            lines = read_text(path, report).splitlines()
            nlu.lookups.setdefault(lookup.name, []).extend(entry for line in lines if (entry := line.strip()))
    nlu.lookup_files.clear()


def _read_data_file(path: Path, files: _DataFiles, report: Report) -> None:
    nlu, stories = files.nlu, files.stories
    file = report.name_of(path)
    text = ""
    holds_nlu = holds_stories = True
    try:
        text = read_text(path, report)
        if path.suffix == ".json":
            if is_json_nlu(text):
                add_json_nlu(nlu, parse_document(text.replace("\t", "  "), file, report), file, report)
            return
        holds_nlu, holds_stories = is_nlu(text), is_stories(text)
        if not (holds_nlu or holds_stories):
            _warn_unknown_keys(text, file, report, is_data=False)
            return
        document = parse_document(text, file, report)
    except Broken:
        report.broken.add(file)
        document = None
    if file in report.broken:
        nlu.is_broken = nlu.is_broken or holds_nlu
        stories.is_broken = stories.is_broken or holds_stories
    version = read_version(document, file, report)
    if not is_readable(version, file, 1, report):
        return
    if version is not None:
        files.versions.add(version)
    _warn_unknown_keys(text, file, report, is_data=True)
    if holds_nlu:
        add_nlu_document(nlu, document, file, report)
    if holds_stories:
        add_stories_document(stories, document, file, report)


_MIN_SIMILARITY = 0.8
"""Minimum similarity to a known key at which an unknown key counts as misspelt.

`rule` is similar enough to `rules`; `rest` and `nlg`, keys of other files, are not similar to any key of this file.
"""
_TOP_KEY = re.compile(r"([A-Za-z_]+)[ \t]*:(?:\s|$)")


def _warn_unknown_keys(text: str, file: str, report: Report, *, is_data: bool) -> None:
    """Warn about unknown top-level keys of a data file.

    In any other file, warn only about keys that are clearly misspelt.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        match = _TOP_KEY.match(line)
        if match is None or match[1] in DOMAIN_KEYS or match[1] in OTHER_KEYS:
            continue
        if is_data or difflib.get_close_matches(match[1].lower(), (*_DATA_KEYS, "story"), cutoff=_MIN_SIMILARITY):
            suggestion = did_you_mean(match[1], _DATA_KEYS)
            found = f'the key "{match[1]}"'
            report.warn(
                file,
                number,
                match[1],
                "data.unknown-key",
                found=found,
                expected=one_of((*_DATA_KEYS, "version")),
                suggestion=suggestion,
            )


def _read_config(root: Path, given: Path | None, report: Report) -> tuple[Any, str, bool]:
    """Return the parsed file, its name, and whether the file exists and could be read."""
    path = find_config(root, given)
    file = report.name_of(path)
    if not path.exists():
        if given is not None:
            _report_missing(path, "config", report)
            return None, file, False
        expected = "a configuration (the defaults are used)"
        report.warn(file, 0, "", "config.missing", found="no such file", expected=expected)
        return None, file, True
    document = None
    try:
        document = read_document(path, report)
    except Broken:
        report.broken.add(file)
    return document, file, file not in report.broken


def _retrieval_responses(raw: RawDomain) -> dict[str, list[Json]]:
    """Return the responses of retrieval intents (`utter_faq/ask_name`), unchanged."""
    return {
        name: [plain(item) for item in spot.value if isinstance(item, dict)]
        for name, spot in raw.responses.items()
        if "/" in name and isinstance(spot.value, list)
    }


def _with_training_data(domain: Domain, nlu: NluFiles, stories: Stories) -> Domain:
    """Add the retrieval intents, the bot texts of end-to-end stories, and Manent's own actions to the domain.

    Only the training data contain these intents and texts.
    """
    retrieval = nlu.retrieval_intents
    intents = dict(domain.intents)
    for name in retrieval:
        if name in intents:
            intents[name] = replace(intents[name], is_retrieval=True)
    texts = set(domain.e2e_actions)
    for story in stories.stories:
        texts |= {step.text for step in story.steps if isinstance(step, ActionStep) and step.text}
    steps = [*chain.from_iterable(story.steps for story in stories.stories)]
    steps += chain.from_iterable(rule.steps for rule in stories.rules)
    named = {step.name for step in steps if isinstance(step, ActionStep)}
    own = tuple(name for name in OWN_ACTIONS if name in named and name not in domain.actions)
    original = dict(domain.original)
    if retrieval:
        original["intents"] = [_marked(item, intents) for item in original.get("intents", [])]
    if texts:
        original["e2e_actions"] = sorted(texts)
    return replace(domain, intents=intents, e2e_actions=tuple(sorted(texts)), own_actions=own, original=original)


def _marked(item: Any, intents: dict[str, Intent]) -> Any:
    name = next(iter(item)) if isinstance(item, dict) else item
    if name not in intents or not intents[name].is_retrieval:
        return item
    options = item[name] if isinstance(item, dict) and isinstance(item[name], dict) else {}
    return {name: {**options, "is_retrieval_intent": True}}

"""Merges the files of a domain into one domain.

Each entry keeps its line number. `reading` calls `read_domain`, and `definition` interprets the result.

Merge rules (contract §1): dict sections merge by key, list sections by name. The first definition of a name is used,
and any other causes a warning. Files are read in the order of their names, and those of a directory before its
subdirectories.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from manent.project.files import DOMAIN_KEYS, OLD_RESPONSES
from manent.project.problems import Report, Spot, did_you_mean, one_of
from manent.project.versions import is_readable, read_version
from manent.project.yaml.documents import Broken, read_document

OTHER_KEYS = (
    "version",
    "config",
    "nlu",
    "stories",
    "rules",
    "importers",
    "imports",
    "recipe",
    "assistant_id",
    "language",
    "pipeline",
    "policies",
)
"""Keys of other file types that a domain file can also contain, because one file can have several purposes."""

_SECTION_KINDS: dict[str, type | tuple[type, ...]] = {
    "intents": list,
    "entities": list,
    "actions": list,
    "slots": dict,
    "responses": dict,
    "forms": (dict, list),
}

DEFAULT_SESSION = {"session_expiration_time": 60, "carry_over_slots_to_new_session": True}


@dataclass(slots=True, kw_only=True)
class RawDomain:
    """A merged domain that has not been interpreted yet. Each section maps names to the spots of their definitions.

    Attributes:
        intents, entities, actions: the value of a spot is the list item, which is a name or `{name: options}`.
        slots, responses, forms: the value of a spot is the definition.
        listed_forms: names of a `forms:` list (forms that run on the action server).
        version: the lowest version that any file declares. None: no file declares a version.
        has_templates: whether a file contains `templates:`, the responses of format 1.x.
        is_broken: whether a file could not be parsed. If so, some names may be missing.
    """

    intents: dict[str, Spot] = field(default_factory=dict)
    entities: dict[str, Spot] = field(default_factory=dict)
    actions: dict[str, Spot] = field(default_factory=dict)
    slots: dict[str, Spot] = field(default_factory=dict)
    responses: dict[str, Spot] = field(default_factory=dict)
    forms: dict[str, Spot] = field(default_factory=dict)
    listed_forms: dict[str, Spot] = field(default_factory=dict)
    e2e_actions: dict[str, Spot] = field(default_factory=dict)
    session: Spot | None = None
    config: Spot | None = None
    version: tuple[int, int] | None = None
    has_templates: bool = False
    is_broken: bool = False


def read_domain_files(paths: Iterable[Path], report: Report) -> RawDomain:
    """Read and merge domain files. Files without a domain key are skipped."""
    domain = RawDomain()
    for path in paths:
        file = report.name_of(path)
        try:
            document = read_document(path, report)
        except Broken:
            report.broken.add(file)
            domain.is_broken = True
            continue
        domain.is_broken = domain.is_broken or file in report.broken
        add_document(domain, document, file, report)
    return domain


def add_document(domain: RawDomain, document: Any, file: str, report: Report) -> None:
    """Merge one parsed file into a domain."""
    root = Spot(document, file, 1, "", report)
    if document is None:
        return
    if not isinstance(document, dict):
        root.error("domain.type", "a mapping with intents, responses, …")
        domain.is_broken = True
        return
    version = read_version(document, file, report)
    version_spot = root.get("version")
    if not is_readable(version, file, version_spot.line if version_spot else 1, report):
        return
    if version is not None and (domain.version is None or version < domain.version):
        domain.version = version
    is_old = (version is None or version < (3, 0)) and OLD_RESPONSES in document
    domain.has_templates = domain.has_templates or is_old
    is_domain = is_old or not document.keys().isdisjoint(DOMAIN_KEYS)
    for name, spot in root.entries():
        known = (*DOMAIN_KEYS, "version", "config")
        if is_old and name == OLD_RESPONSES:
            continue
        if name not in DOMAIN_KEYS and name not in OTHER_KEYS and (is_domain or did_you_mean(name, known)):
            spot.warn("domain.unknown-key", one_of(known), did_you_mean(name, known), found=f'the key "{name}"')
    for section, kind in _SECTION_KINDS.items():
        found = document.get(section)
        domain.is_broken = domain.is_broken or not (found is None or isinstance(found, kind))
    for section in ("intents", "entities", "actions"):
        if (listed := root.get(section)) is not None:
            _merge_list(getattr(domain, section), listed, section, but=domain.forms if section == "actions" else {})
    for section in ("slots", "responses"):
        if (mapped := root.get(section)) is not None:
            _merge_map(getattr(domain, section), mapped, section)
    if is_old and (templates := root.get(OLD_RESPONSES)) is not None:
        _merge_map(domain.responses, templates, "responses")
    if (forms := root.get("forms")) is not None:
        if isinstance(forms.value, list):
            _merge_form_list(domain, forms)
        else:
            _merge_map(domain.forms, forms, "forms")
    if (texts := root.get("e2e_actions")) is not None:
        for item in texts.items():
            if (text := item.text()) is not None:
                domain.e2e_actions.setdefault(text, item)
    _merge_session(domain, root)


def item_name(item: Spot, what: str) -> str | None:
    """Return the name of a list item, which is `name` or `name: options`."""
    if isinstance(item.value, dict):
        if len(item.value) != 1:
            item.error("domain.item", f"{what}, or one `{what}: …` per item", "Start each name with `- `")
            return None
        return next((name for name, _ in item.entries()), None)
    return item.name(what)


def item_options(item: Spot) -> Spot | None:
    """Return the options of a list item `name: options`, or None if the item is a plain name."""
    return next((spot for _, spot in item.entries()), None) if isinstance(item.value, dict) else None


def _merge_list(section: dict[str, Spot], spot: Spot, title: str, *, but: dict[str, Spot]) -> None:
    """Merge a list by name. Skip the names in `but`, which are the forms of earlier files when actions are merged."""
    for item in spot.items():
        name = item_name(item, f"the name of one of the {title}")
        if name is None or name in but:
            continue
        if " - " in name:
            second = name.partition(" - ")[2].partition(" - ")[0]
            item.warn(
                "domain.merged-items",
                "one name per item",
                f'Indent the line "- {second}" like the line above it',
                found=f'"{name}" as one name',
            )
        if (first := section.get(name)) is not None:
            _report_again(item, first, name, title)
        else:
            section[name] = replace(item, path=f"{title}.{name}")


def _report_again(item: Spot, first: Spot, name: str, title: str) -> None:
    where = f"on line {first.line}" if first.file == item.file else f"in {first.file}:{first.line}"
    found = f'"{name}" a second time (the first is {where})'
    if first.file == item.file:
        item.error(f"{title}.duplicate", "each name once", "Remove one of them", found=found)
    else:
        item.warn(
            f"{title}.duplicate",
            "each name only once (the first definition is used)",
            "Remove one of them",
            found=found,
        )


def _merge_map(section: dict[str, Spot], spot: Spot, title: str) -> None:
    for name, entry in spot.entries():
        if (first := section.get(name)) is not None:
            _report_again(entry, first, name, title)
        else:
            section[name] = entry


def _merge_form_list(domain: RawDomain, spot: Spot) -> None:
    for item in spot.items():
        name = item_name(item, "the name of a form")
        if name is None:
            continue
        options = item_options(item)
        if options is None:
            domain.listed_forms.setdefault(name, item)
        else:
            domain.forms.setdefault(name, options)


def _merge_session(domain: RawDomain, root: Spot) -> None:
    session = root.get("session_config")
    if session is not None and (domain.session is None or session.value != DEFAULT_SESSION):
        domain.session = session
    config = root.get("config")
    if config is not None and domain.config is None:
        domain.config = config

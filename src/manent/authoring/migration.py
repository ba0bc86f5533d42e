"""Converts a project from format 1.x or 2.0 to format 3.1 and keeps comments. Called by `manent data migrate`.

`plan_migration` reads the project as training does and returns the new texts. `write_migration` writes these texts and
moves the old files to a backup folder. `project/domain/format_1.py` and `format_2.py` convert the domain. Training also
uses these modules. This module writes the result with ruamel.yaml, so that comments and order are kept.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from manent.authoring.comments import restore_comments
from manent.authoring.migration_1 import add_histories, markdown_as_yaml, new_pipeline, rewrite_domain_1
from manent.authoring.yaml_file import NEW_VERSION, YamlFile, with_new_version
from manent.core.domain import REQUESTED_SLOT
from manent.core.errors import ProjectError
from manent.core.training_data import ActionStep, ComponentConfig, LoopStep, Rule, UserStep
from manent.project.domain.format_1 import convert_domain_1
from manent.project.domain.format_2 import convert_domain
from manent.project.domain.merging import RawDomain, read_domain_files
from manent.project.domain.slots import ANY_LABEL
from manent.project.files import find_files
from manent.project.problems import Report
from manent.project.reading import data_paths, domain_paths, find_config, read_project
from manent.project.yaml.documents import plain

RULES_FILE = "migrated_rules.yml"
BACKUP_FOLDER = "before_migration"

_REPLACED = ("FormPolicy", "MappingPolicy", "FallbackPolicy", "TwoStageFallbackPolicy")
_LEARNED = ("SklearnPolicy", "EmbeddingPolicy", "KerasPolicy")


@dataclass(slots=True, kw_only=True)
class Migration:
    """The changes that a migration makes to files. The plan is empty if no file is in an older format.

    Attributes:
        files: path, relative to the project, → new text of a changed or new file.
        removed: files whose data are now in a new file.
        notes: messages to the user about the migration.
    """

    files: dict[Path, str] = field(default_factory=dict)
    removed: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan_migration(
    root: Path,
    *,
    domain: Path | Sequence[Path] | None = None,
    data: Sequence[Path] | None = None,
    config: Path | None = None,
) -> Migration:
    """Compute the files of a project in format 3.1.

    Write nothing. The arguments are the same as for `read_project`.

    Raises:
        ProjectError: the project has mistakes, which must be fixed first.
    """
    root = Path(root)
    project = read_project(root, domain=domain, data=data, config=config)
    report = Report(root)
    raw = read_domain_files(find_files(domain_paths(root, domain), subdirectories_last=True), report)
    retrieval = list(dict.fromkeys(one.intent.partition("/")[0] for one in project.nlu.examples if "/" in one.intent))
    if project.is_format_1:
        convert_domain_1(raw, retrieval, report)
    old_forms = dict(raw.forms)
    conversion = convert_domain(raw)
    migration = Migration()
    documents = {
        path: YamlFile(path.read_text(encoding="utf-8-sig"))
        for path in find_files(domain_paths(root, domain))
        if report.name_of(path) not in report.broken
    }
    if project.is_format_1:
        rewrite_domain_1(list(documents.values()), raw, retrieval)
    if conversion.is_legacy or conversion.triggers:
        _rewrite_domain(list(documents.values()), raw, set(old_forms), is_legacy=conversion.is_legacy)
    for path, document in documents.items():
        _keep(migration, root, path, document.text())
    for path in find_files(data_paths(root, data)):
        _keep(migration, root, path, with_new_version(path.read_text(encoding="utf-8-sig")))
    for old, new, text in markdown_as_yaml(project, report, retrieval):
        migration.files[_relative(new, root)] = text
        migration.removed.append(_relative(old, root))
    own_rules = [rule for rule in project.stories.rules if _is_made(rule)]
    config_path = find_config(root, config)
    if config_path.exists():
        text = config_path.read_text(encoding="utf-8-sig")
        _keep(migration, root, config_path, _new_config(text, project.config.policies, project.config.pipeline))
    if own_rules:
        folder = next((path for path in data_paths(root, data) if path.is_dir()), root)
        migration.files[_relative(folder / RULES_FILE, root)] = _rules_text(own_rules)
        migration.notes.append(f"Rules that replace policies of 2.x are in {RULES_FILE}.")
    if raw.listed_forms:
        names = ", ".join(raw.listed_forms)
        migration.notes.append(f"Forms that run on the action server are now custom actions: {names}.")
    if conversion.forms and any(name.startswith("validate_") for name in raw.actions):
        migration.notes.append(
            "In form validators of rasa-sdk 2.x, domain['forms'][…]['required_slots'] is now a list, not a mapping."
        )
    return migration


def write_migration(migration: Migration, root: Path, *, out: Path | None = None) -> list[Path]:
    """Write the new texts, and remove files whose data are now in a new file.

    Args:
        migration: the changes to write.
        root: the project folder.
        out: folder for the new files. None: write in place, and keep the old files in `before_migration/`.

    Returns:
        The files written, in the order of the plan.
    """
    written = []
    for path, text in migration.files.items():
        target = (out or root) / path
        if out is None and target.exists():
            _back_up(root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        written.append(target)
    for path in migration.removed if out is None else ():
        _back_up(root, path)
        (root / path).unlink()
    return written


def _back_up(root: Path, path: Path) -> None:
    backup = root / BACKUP_FOLDER / path
    backup.parent.mkdir(parents=True, exist_ok=True)
    backup.write_bytes((root / path).read_bytes())


def _keep(migration: Migration, root: Path, path: Path, text: str) -> None:
    """Add a file to the plan if its text has changed."""
    if text != path.read_text(encoding="utf-8-sig"):
        migration.files[_relative(path, root)] = text


def _relative(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else Path(path.name)


# --- the domain -----------------------------------------------------------------------------------------------------


def _rewrite_domain(documents: list[YamlFile], raw: RawDomain, forms: set[str], *, is_legacy: bool) -> None:
    if is_legacy:
        written = _written_mappings(documents)
        missing = dict(raw.slots)
        for document in documents:
            _rewrite_slots(document, raw, written, missing)
        _add_slots(documents, raw, written, missing)
        for document in documents:
            _rewrite_forms(document, raw, forms)
    for document in documents:
        _drop_triggers(document)


def _written_mappings(documents: list[YamlFile]) -> dict[str, list[CommentedMap]]:
    """Return each slot's mappings from the forms, with their comments."""
    found: dict[str, list[CommentedMap]] = {}
    for document in documents:
        forms = document.section("forms")
        for form in forms.values() if isinstance(forms, CommentedMap) else ():
            required = form.get("required_slots", form) if isinstance(form, CommentedMap) else None
            for slot, mappings in required.items() if isinstance(required, CommentedMap) else ():
                listed = mappings if isinstance(mappings, CommentedSeq) else [mappings]
                found.setdefault(str(slot), []).extend(item for item in listed if isinstance(item, CommentedMap))
    return found


def _rewrite_slots(
    document: YamlFile, raw: RawDomain, written: dict[str, list[CommentedMap]], missing: dict[str, Any]
) -> None:
    slots = document.section("slots")
    for name, slot in slots.items() if isinstance(slots, CommentedMap) else ():
        if missing.pop(str(name), None) is None or not isinstance(slot, CommentedMap):
            continue
        document.is_changed = True
        new = plain(raw.slots[str(name)].value)
        slot.pop("auto_fill", None)
        for key in ("type", "influence_conversation"):
            if key in new and slot.get(key) != new[key]:
                slot[key] = new[key]
        slot.fa.set_block_style()
        slot["mappings"] = _mapping_list(str(name), raw, written)


def _add_slots(
    documents: list[YamlFile], raw: RawDomain, written: dict[str, list[CommentedMap]], missing: dict[str, Any]
) -> None:
    """Add to the domain the slots that only a form mentions."""
    if not missing:
        return
    document = next((one for one in documents if one.section("slots") is not None), documents[0])
    if document.section("slots") is None:
        document.root["slots"] = CommentedMap()
    document.is_changed = True
    for name in missing:
        document.root["slots"][name] = CommentedMap(type="text", mappings=_mapping_list(name, raw, written))


def _mapping_list(slot: str, raw: RawDomain, written: dict[str, list[CommentedMap]]) -> CommentedSeq:
    mappings = CommentedSeq()
    for mapping in plain(raw.slots[slot].value)["mappings"]:
        if mapping.pop(ANY_LABEL, False):
            mappings.extend(_labelled(mapping, raw))
            continue
        conditions = mapping.pop("conditions", None)
        node = next((_moved(one) for one in written.get(slot, ()) if one == mapping), CommentedMap(mapping))
        if conditions:
            node["conditions"] = CommentedSeq(CommentedMap(condition) for condition in conditions)
        mappings.append(node)
    return mappings


def _moved(mapping: CommentedMap) -> CommentedMap:
    """Return a copy of a mapping with the comments at the ends of its lines.

    `restore_comments` adds comments between lines.
    """
    node = copy.deepcopy(mapping)
    for tokens in node.ca.items.values():
        for token in tokens:
            if hasattr(token, "value"):
                token.value = token.value.split("\n")[0] + "\n" if not token.value.startswith("\n") else "\n"
    return node


def _labelled(mapping: dict[str, Any], raw: RawDomain) -> Iterator[CommentedMap]:
    """Yield the mappings of an entity in format 2.0.

    Yield one mapping for each role, one for each group, and one without either.
    """
    options = raw.entities[mapping["entity"]].value
    declared = plain(options[mapping["entity"]]) if isinstance(options, dict) else None
    labels = {key: (declared or {}).get(key) or [] for key in ("roles", "groups")}
    for role in (None, *labels["roles"]):
        for group in (None, *labels["groups"]):
            named = {"role": role, "group": group}
            yield CommentedMap(mapping | {key: value for key, value in named.items() if value is not None})


def _rewrite_forms(document: YamlFile, raw: RawDomain, forms: set[str]) -> None:
    section = document.section("forms")
    if isinstance(section, CommentedSeq):
        names = [str(item) for item in section if str(item) in raw.listed_forms]
        del document.root["forms"]
        actions = document.root.setdefault("actions", CommentedSeq())
        actions.extend(name for name in names if name not in actions)
        if REQUESTED_SLOT not in raw.slots:  # a domain without forms has no `forms:` section
            slots = document.root.setdefault("slots", CommentedMap())
            slots[REQUESTED_SLOT] = CommentedMap(type="any", mappings=CommentedSeq([CommentedMap(type="custom")]))
        document.is_changed = True
        return
    for name in list(section) if isinstance(section, CommentedMap) else ():
        if str(name) in forms:
            document.is_changed = True
            section[name] = _new_form(section[name], plain(raw.forms[str(name)].value))


def _new_form(old: Any, new: dict[str, Any]) -> CommentedMap:
    form = CommentedMap()
    names = CommentedSeq(new["required_slots"])
    required = old.get("required_slots", old) if isinstance(old, CommentedMap) else None
    if isinstance(required, CommentedMap):
        for index, name in enumerate(names):
            for token in (required.ca.items.get(name) or [])[2:]:
                text = getattr(token, "value", "").strip()
                if text.startswith("#"):
                    names.yaml_add_eol_comment(text.split("\n")[0], index)
    if isinstance(old, CommentedMap) and "ignored_intents" in old:
        form["ignored_intents"] = old["ignored_intents"]
    form["required_slots"] = names
    return form


def _drop_triggers(document: YamlFile) -> None:
    intents = document.section("intents")
    for index, item in enumerate(intents if isinstance(intents, CommentedSeq) else ()):
        if not isinstance(item, CommentedMap):
            continue
        for name, options in item.items():
            if isinstance(options, CommentedMap) and "triggers" in options:
                document.is_changed = True
                del options["triggers"]
                if not options:
                    intents[index] = name
                break


# --- configuration and rules ----------------------------------------------------------------------------------------


def _new_config(text: str, policies: tuple[ComponentConfig, ...], pipeline: tuple[ComponentConfig, ...]) -> str:
    """Replace a configuration's 1.x and 2.x entries with the given entries."""
    document = YamlFile(text)
    is_changed = new_pipeline(document)
    listed = document.section("policies")
    old = [_policy_name(item) for item in listed] if isinstance(listed, CommentedSeq) else []
    if isinstance(listed, CommentedSeq):
        is_changed = add_histories(listed, policies) or is_changed
    if not any(name in (*_REPLACED, *_LEARNED) for name in old):
        return restore_comments(text, document.dump()) if is_changed else text
    wanted = {policy.name: policy for policy in policies}
    learned = next((index for index, name in enumerate(old) if name in _LEARNED and "TEDPolicy" not in old), None)
    for index in reversed(range(len(listed))):
        name = _policy_name(listed[index])
        if name in _REPLACED or (name in _LEARNED and index != learned):
            del listed[index]
        elif name in _LEARNED:
            listed[index] = _component("TEDPolicy", wanted["TEDPolicy"].options)
        elif name == "RulePolicy" and isinstance(listed[index], CommentedMap):
            listed[index].update(wanted["RulePolicy"].options)
    if "RulePolicy" in wanted and "RulePolicy" not in old:
        listed.append(_component("RulePolicy", wanted["RulePolicy"].options))
    if any(name in ("FallbackPolicy", "TwoStageFallbackPolicy") for name in old):
        _add_fallback(document, pipeline)
    return restore_comments(text, document.dump())


def _add_fallback(document: YamlFile, pipeline: tuple[ComponentConfig, ...]) -> None:
    listed = document.section("pipeline")
    if not isinstance(listed, CommentedSeq):
        document.root["pipeline"] = CommentedSeq(_component(part.name, part.options) for part in pipeline)
    elif "FallbackClassifier" not in [_policy_name(item) for item in listed]:
        listed.append(_component("FallbackClassifier", pipeline[-1].options))


def _policy_name(item: Any) -> str:
    name = item.get("name", "") if isinstance(item, CommentedMap) else item
    return str(name).rpartition(".")[2]


def _component(name: str, options: dict[str, Any]) -> CommentedMap:
    return CommentedMap({"name": name, **options})


def _is_made(rule: Rule) -> bool:
    """Return whether the conversion created the rule.

    Such a rule replaces a policy or a trigger of the old format, so it is not in a rules file yet.
    """
    return all(step.where == rule.where for step in rule.steps)


def _rules_text(rules: list[Rule]) -> str:
    lines = [f'version: "{NEW_VERSION}"', "", "rules:"]
    for rule in rules:
        lines += [f"- rule: {rule.name}", "  steps:"]
        for step in rule.steps:
            match step:
                case UserStep():
                    lines.append(f"  - intent: {step.intent}")
                case ActionStep():
                    lines.append(f"  - action: {step.name}")
                case LoopStep():
                    lines.append(f"  - active_loop: {step.name}")
                case _:
                    raise ProjectError([])
        lines.append("")
    return "\n".join(lines)

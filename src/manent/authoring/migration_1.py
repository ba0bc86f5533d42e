"""Migrates the parts that exist only in projects of format 1.x.

`migration` calls it first. Markdown files are converted to YAML. The comments in Markdown are lost, but the old files
are kept in another folder. The domain and the configuration keep their comments.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from manent.authoring.nlu import nlu_to_yaml
from manent.authoring.stories import document_to_yaml
from manent.authoring.yaml_file import YamlFile
from manent.core.training_data import ComponentConfig
from manent.project.data.markdown import has_test_stories, markdown_kind
from manent.project.data.markdown_nlu import add_markdown_nlu, add_markdown_responses
from manent.project.data.markdown_stories import stories_document
from manent.project.data.nlu import NluFiles
from manent.project.domain.merging import RawDomain
from manent.project.files import MARKDOWN_SUFFIXES, OLD_RESPONSES, find_files
from manent.project.problems import Report
from manent.project.reading import Project, read_lookups
from manent.project.settings.format_1 import PIPELINE_TEMPLATES, has_old_names, new_component
from manent.project.yaml.documents import plain

TESTS_FOLDER = "tests"


def rewrite_domain_1(documents: Sequence[YamlFile], raw: RawDomain, retrieval: Iterable[str]) -> None:
    """Write into the domain files the changes that `convert_domain_1` made to a domain of format 1.x.

    Args:
        documents: files of the domain.
        raw: the converted domain.
        retrieval: retrieval intents.
    """
    old_actions = {f"respond_{intent}" for intent in retrieval}
    for document in documents:
        if not isinstance(document.root, CommentedMap):
            continue
        document.is_changed = True
        _rename_key(document.root, OLD_RESPONSES, "responses")
        _rewrite_variations(document.section("responses"))
        actions = document.section("actions")
        for index in reversed(range(len(actions))) if isinstance(actions, CommentedSeq) else ():
            if actions[index] in old_actions:
                del actions[index]
        if actions == []:
            del document.root["actions"]
    _write_session(documents, raw)


def _rename_key(mapping: CommentedMap, old: str, new: str) -> None:
    if old not in mapping or new in mapping:
        return
    index = list(mapping).index(old)
    comments = mapping.ca.items.pop(old, None)
    mapping.insert(index, new, mapping.pop(old))
    if comments is not None:
        mapping.ca.items[new] = comments


def _rewrite_variations(responses: Any) -> None:
    for variations in responses.values() if isinstance(responses, CommentedMap) else ():
        for index, variation in enumerate(variations if isinstance(variations, CommentedSeq) else ()):
            if isinstance(variation, str):
                variations.ca.items.pop(index, None)  # comments in these lines are restored later
                variations[index] = CommentedMap(text=variation)


def _write_session(documents: Sequence[YamlFile], raw: RawDomain) -> None:
    document = next((one for one in documents if one.section("session_config") is not None), None)
    document = document or next((one for one in documents if one.is_changed), None)
    if document is not None and raw.session is not None:
        written = document.root.setdefault("session_config", CommentedMap())
        written.update({key: value for key, value in plain(raw.session.value).items() if written.get(key) != value})


def new_pipeline(document: YamlFile) -> bool:
    """Rename a configuration's components to their names in 3.x. Return whether the configuration changed."""
    old = document.section("pipeline")
    if not has_old_names(document.root):
        return False
    if isinstance(old, str):
        document.root["pipeline"] = CommentedSeq(CommentedMap(new_component(p)) for p in PIPELINE_TEMPLATES[str(old)])
        return True
    for index, item in enumerate(old):
        written = dict(item) if isinstance(item, CommentedMap) else item
        new = new_component(written)
        if new == written:
            continue
        if isinstance(item, CommentedMap) and new.keys() == item.keys():
            item.update(new)
        else:
            old[index] = CommentedMap(new)
    return True


def add_histories(policies: CommentedSeq, wanted: Sequence[ComponentConfig]) -> bool:
    """Write the `max_history` that the memoization policies of 1.x use by default.

    Return whether the configuration changed.
    """
    is_changed = False
    for index, item in enumerate(policies):
        name = str(item.get("name", "") if isinstance(item, CommentedMap) else item).rpartition(".")[2]
        options = next((policy.options for policy in wanted if policy.name == name), {})
        if name not in ("MemoizationPolicy", "AugmentedMemoizationPolicy") or "max_history" not in options:
            continue
        if not isinstance(item, CommentedMap):
            policies[index] = CommentedMap(name=name)
        if "max_history" not in policies[index]:
            policies[index]["max_history"] = options["max_history"]
            is_changed = True
    return is_changed


def markdown_as_yaml(project: Project, report: Report, retrieval: Iterable[str]) -> Iterator[tuple[Path, Path, str]]:
    """Yield each Markdown file of training data or test stories, its new file, and the text of the new file."""
    names = {f"respond_{intent}": f"utter_{intent}" for intent in retrieval}
    for path in project.markdown:
        file, text = report.name_of(path), path.read_text(encoding="utf-8-sig")
        kind = markdown_kind(text)
        if kind == "stories":
            yield path, _free(path.with_suffix(".yml")), _stories(text, file, report, names, is_test=False)
        elif kind is not None:
            nlu = NluFiles()
            (add_markdown_nlu if kind == "nlu" else add_markdown_responses)(nlu, text, file, report)
            read_lookups(nlu, report)
            yield path, _free(path.with_suffix(".yml")), nlu_to_yaml(nlu.data(_responses(nlu)))
    for path in find_files([report.root / TESTS_FOLDER], MARKDOWN_SUFFIXES):
        text = path.read_text(encoding="utf-8-sig")
        if path not in project.markdown and has_test_stories(text):
            name = path.stem if path.stem.startswith("test_") else f"test_{path.stem}"
            new = _stories(text, report.name_of(path), report, names, is_test=True)
            yield path, _free(path.with_name(f"{name}.yml")), new


def _responses(nlu: NluFiles) -> dict[str, Any]:
    return {name: plain(spot.value) for name, spot in nlu.responses.items()}


def _stories(text: str, file: str, report: Report, names: dict[str, str], *, is_test: bool) -> str:
    document = plain(stories_document(text, file, report, is_test=is_test))
    for story in document["stories"]:
        for step in story["steps"]:
            if step.get("action") in names:
                step["action"] = names[step["action"]]
    return document_to_yaml(document)


def _free(path: Path) -> Path:
    """Return the path if no file exists there. Otherwise, return another path in the same folder."""
    return path if not path.exists() else path.with_name(f"{path.stem}_from_markdown.yml")

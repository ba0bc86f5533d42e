"""Small projects on disk for tests of the project reader."""

from collections.abc import Callable
from pathlib import Path

import pytest

from manent.core.errors import Problem
from manent.project.problems import Report, Spot
from manent.project.reading import validate_project
from manent.project.yaml.documents import parse_document

FILES = {
    "config.yml": "recipe: default.v1\nassistant_id: sample\nlanguage: en\n",
    "domain.yml": (
        'version: "3.1"\nintents: [greet, bye]\nentities: [city]\n'
        "responses:\n  utter_greet:\n  - text: Hello\n  utter_bye:\n  - text: Bye\n"
    ),
    "data/nlu.yml": (
        'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - hi\n    - hello\n'
        "- intent: bye\n  examples: |\n    - bye\n    - see you\n"
    ),
    "data/rules.yml": (
        'version: "3.1"\nrules:\n- rule: greet\n  steps:\n  - intent: greet\n  - action: utter_greet\n'
        "- rule: bye\n  steps:\n  - intent: bye\n  - action: utter_bye\n"
    ),
}
"""A project without mistakes."""

MakeProject = Callable[[dict[str, str]], Path]
Findings = Callable[[Path], list[str]]
SpotOf = Callable[[str], Spot]


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """Write a project: the one without mistakes, with some files replaced and others added."""

    def make(files: dict[str, str]) -> Path:
        for name, text in (FILES | files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return make


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """An empty report."""
    return Report(tmp_path)


@pytest.fixture
def spot_of(report: Report) -> SpotOf:
    """Return a spot for a YAML text. Its problems are added to `report`."""

    def spot_of(text: str) -> Spot:
        return Spot(parse_document(text, "file.yml", report), "file.yml", 1, "", report)

    return spot_of


def place(problem: Problem) -> str:
    """Return `file:line code`, with a `?` for warnings."""
    return f"{problem.file}:{problem.line} {problem.code}{'?' if problem.warning else ''}"


@pytest.fixture
def findings() -> Findings:
    """Return the places of all problems of a project."""
    return lambda root: [place(problem) for problem in validate_project(root).problems]

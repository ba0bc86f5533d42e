"""The documents name only files, anchors and sections that exist, and the index lists every decision."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs/decisions"
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*/README.md")]
SOURCES = [
    path
    for folder in ("src", "tests", "web/src", "bench")
    for kind in ("*.py", "*.ts", "*.sql")
    for path in (ROOT / folder).rglob(kind)
    if "node_modules" not in path.parts
]

PATH = re.compile(r"^[\w.@-]+(?:/[\w.@-]+)+\.(?:py|ts|mjs|md|json|svg|ya?ml|toml|txt|png)$")
"""What looks like the path of a file, once a function's or test's name behind `::` is cut off."""

BASES = ("", "src/manent", "src", "web", "web/src", "tests", "docs")
"""Folders that a path may be relative to."""

OF_PROJECTS = re.compile(r"^(?:data|actions|models|results|train_test_split|before_migration|tests/test_|components)\b")
"""Paths in an assistant's project, which are not in this repository."""


@cache
def anchors(document: Path) -> frozenset[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def superseded() -> set[str]:
    """Names of the decisions that no longer hold. The files that they name may be gone."""
    rows = (DECISIONS / "README.md").read_text().splitlines()
    return {found[1] for row in rows if (found := re.match(r"\| \[\d+\]\(([^)]+)\).*\| superseded", row))}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_named_files_exist(document: Path) -> None:
    """A path between backticks is a file of the repository."""
    if document.name in superseded():
        pytest.skip("superseded: tells how it was")
    named = {word.partition("::")[0] for word in re.findall(r"`([^`\s]+)`", document.read_text())}
    paths = [path for path in named if PATH.match(path) and not OF_PROJECTS.match(path)]
    missing = [
        path
        for path in paths
        if not any((ROOT / base / path).exists() for base in BASES) and not (document.parent / path).exists()
    ]

    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_anchors_exist(document: Path) -> None:
    """A link to a part of a document leads to a heading of it."""
    links = re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", document.read_text())
    targets = [(document.parent / path if path else document, anchor) for path, anchor in links]

    assert [
        f"{path.name}#{anchor}" for path, anchor in targets if path.suffix == ".md" and anchor not in anchors(path)
    ] == []


def test_cited_sections_of_the_contract_exist() -> None:
    """Each section of docs/rasa-contract.md that the code cites has a heading of that number."""
    headings = re.findall(r"^#+ (\d+(?:\.\d+)?)", (ROOT / "docs/rasa-contract.md").read_text(), re.MULTILINE)
    cited = {
        (section, path.name)
        for path in SOURCES
        for found in re.findall(r"rasa-contract\.md, (\d[\d., and]*)", path.read_text())
        for section in re.findall(r"\d+(?:\.\d+)?", found)
    }

    assert len(set(headings)) == len(headings)
    assert {pair for pair in cited if pair[0] not in headings} == set()


def test_every_decision_is_listed() -> None:
    """The index has one row for each decision, with its title, its date and its status, in the order of the numbers."""
    rows = re.findall(
        r"^\| \[(\d{3})\]\(([^)]+)\) \| (.+?) \| \d{4}-\d\d-\d\d \| (?:accepted|superseded)\b.*\|$",
        (DECISIONS / "README.md").read_text(),
        re.MULTILINE,
    )
    files = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    titles = [(DECISIONS / name).read_text().partition("\n")[0] for name in files]

    assert [name for _, name, _ in rows] == files
    assert [f"# {number} {title}" for number, _, title in rows] == titles

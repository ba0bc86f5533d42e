"""The house itself: what is built, what is imported when, and whether the documents hold together."""

import ast
import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    """The build hook, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A web folder with one source, one test and one installed package, all of the year 2001."""
    for name in ("web/src/page.ts", "web/package.json", "web/tests/page.test.ts", "web/node_modules/lit/lit.js"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (1e9, 1e9))
    return tmp_path / "web"


def test_bundle_missing(hook: ModuleType, web: Path) -> None:
    """A page that was never built has to be."""
    assert hook.is_stale(web.parent / "index.html", web)


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        (None, False),
        ("src/page.ts", True),
        ("package.json", True),
        ("tests/page.test.ts", False),
        ("node_modules/lit/lit.js", False),
    ],
)
def test_bundle_age(hook: ModuleType, web: Path, changed: str | None, *, stale: bool) -> None:
    """A page is built again when something it is made of is newer, and only then."""
    bundle = web.parent / "index.html"
    bundle.touch()
    os.utime(bundle, (1.1e9, 1.1e9))
    if changed:
        (web / changed).touch()

    assert hook.is_stale(bundle, web) is stale


def test_build_without_node(hook: ModuleType, web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Node.js the build fails with a sentence that names the way around it."""
    monkeypatch.setenv("PATH", str(web))

    with pytest.raises(SystemExit, match="MANENT_SKIP_WEB=1"):
        hook.build(web)


def test_build_failure(hook: ModuleType, web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that does not build fails the package."""
    npm = web / "npm"
    npm.write_text("#!/bin/sh\nexit 3\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{web}:{os.environ['PATH']}")

    with pytest.raises(SystemExit, match="exit status 3"):
        hook.build(web)


@pytest.mark.parametrize("folder", ["src", "bench", "tools", "tests/unit"])
def test_no_half_of_a_text_is_lost(folder: str) -> None:
    """No function contains a string that nothing uses, such as the second half of a text without parentheses."""
    lost = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in unused_strings(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert lost == []


def unused_strings(node: ast.AST, *, in_function: bool = False) -> Iterator[int]:
    """Yield the lines of the strings in functions that are separate statements, but not docstrings."""
    is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    docstring: ast.stmt | None = None
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        docstring = node.body[0]
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.expr() | ast.expr_context():
                pass
            case ast.Expr(value=ast.Constant(value=str())):
                if (in_function or is_function) and child is not docstring:
                    yield child.lineno
            case _:
                yield from unused_strings(child, in_function=in_function or is_function)


def test_unused_strings() -> None:
    """The second half of a text is found; docstrings are not."""
    source = 'def f():\n    """A docstring."""\n    text = "one "\n    "two"\n    class A:\n        """Another."""\n'

    assert list(unused_strings(ast.parse(source))) == [4]


def test_decisions_are_numbered_once() -> None:
    """No two decisions have the same number, and each begins with its own."""
    decisions = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    numbers = [path.name[:3] for path in decisions]

    assert len(set(numbers)) == len(numbers)
    assert [path.name for path in decisions if not path.read_text().startswith(f"# {path.name[:3]}")] == []


def documents() -> list[Path]:
    """Return all documents of the repository."""
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """A relative link in a document names a file that is there."""
    text = re.sub(r"`[^`]*`", "", document.read_text())  # code is not a link
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    targets = [link for link in links if not re.match(r"[a-z]+:", link)]

    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_glossary_is_in_order() -> None:
    """The glossary is alphabetical, so that a word is found or known to be missing."""
    rows = re.findall(r"^\| `?([^|`]+?)`? \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)[1:]

    assert rows == sorted(rows, key=lambda word: word.lower().replace("_", " "))


def test_the_way_of_a_message_exists() -> None:
    """Every file and every function that the walk names is where it says."""
    rows = [row for row in (ROOT / "docs/one-message.md").read_text().splitlines() if re.match(r"\| \d+ ", row)]
    assert len(rows) == 13
    missing = []
    for row in rows:
        source = ""
        for name in re.findall(r"`([^`]+)`", row.split("|")[2]):
            path = ROOT / "src/manent" / name
            if "/" in name:
                source = path.read_text() if path.is_file() else ""
                missing += [] if path.exists() else [name]
            else:
                found = all(re.search(rf"\b(class|def) {part}\b", source) for part in name.split("."))
                missing += [] if found else [name]

    assert missing == []

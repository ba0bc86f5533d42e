"""The page of guarantees names tests that exist, one at least for each promise."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guarantees.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| guarantee |")]


@cache
def names_in(path: str) -> frozenset[str]:
    """Names of all tests in a file."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def named(row: str) -> list[tuple[str, str]]:
    """File and name of what a row says it is proven by; programs have no name."""
    cell = row.rstrip(" |").rpartition(" | ")[2]
    return re.findall(r"`((?:tests|bench|src/manent/testing)/[\w/]+\.py)(?:::(\w+))?`", cell)


def test_each_promise_names_its_proof() -> None:
    """No row stands without a test or a program."""
    assert len(ROWS) > 40
    assert [row for row in ROWS if not named(row)] == []


def test_every_proof_exists() -> None:
    """Every file is there, and has the test that is named."""
    for row in ROWS:
        for path, name in named(row):
            assert (ROOT / path).is_file(), path
            assert name == "" or name in names_in(path), f"{path}::{name}"


def test_nothing_else_is_named() -> None:
    """What looks like a test's name is one that the other tests look at."""
    looked_at = sum(len(named(row)) for row in ROWS)
    assert PAGE.count("::test_") == looked_at - len(re.findall(r"`(?:tests|bench)/[\w/]+\.py`", PAGE))

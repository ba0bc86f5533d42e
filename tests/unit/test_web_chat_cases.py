"""The page of the web chat's faults names a test for each, and the tests exist."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/lab/web-chat.md").read_text()
TABLE = PAGE.partition("| fault | before | now | tests |\n")[2].partition("\n\n")[0]
ROWS = TABLE.splitlines()[1:]


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the names of all tests in a file."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_each_fault_has_tests_that_exist() -> None:
    """No row is without a test, and no test is only a name."""
    assert len(ROWS) >= 25
    for row in ROWS:
        tests = re.findall(r"`((?:tests|web)/[\w/.]+)(?:::(\w+))?`", row.rstrip(" |").rpartition(" | ")[2])
        assert tests, row
        for path, name in tests:
            assert (ROOT / path).is_file(), path
            assert name == "" or name in names_in(path), f"{path}::{name}"

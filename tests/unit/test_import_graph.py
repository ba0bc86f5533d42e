"""The import graphs that `make check` reads."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def graphs() -> ModuleType:
    """The program, which is not part of the package."""
    spec = importlib.util.spec_from_file_location("import_graph", ROOT / "tools/import_graph.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_imports_of_all_kinds_count(graphs: ModuleType, tmp_path: Path) -> None:
    """Imports in functions, under TYPE_CHECKING, relative, and of names from a package are all edges."""
    (tmp_path / "below").mkdir()
    sources = {
        "a.py": "def f():\n    from house.b import x\n",
        "b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import house.a\n",
        "c.py": "from house import a\nfrom os import path\n",
        "below/__init__.py": "",
        "below/d.py": "from . import e\nfrom .e import y\n",
        "below/e.py": "from house.below import nothing\n",
        "__init__.py": "",
    }
    for name, text in sources.items():
        (tmp_path / name).write_text(text)

    found = graphs.python_graph(tmp_path, "house")

    assert found["house.a"] == {"house.b"}
    assert found["house.b"] == {"house.a"}
    assert found["house.c"] == {"house.a"}
    assert found["house.below.d"] == {"house.below.e"}
    assert found["house.below.e"] == {"house.below"}


def test_type_imports_of_typescript_count(graphs: ModuleType, tmp_path: Path) -> None:
    """`import type`, `export … from` and dynamic imports are edges; packages are not."""
    (tmp_path / "ui").mkdir()
    (tmp_path / "ui/a.ts").write_text('import type { B } from "../b.ts";\nimport { html } from "lit";\n')
    (tmp_path / "b.ts").write_text('export { c } from "./c.js";\nconst a = () => import("./ui/a.ts");\n')
    (tmp_path / "c.ts").write_text("")

    assert graphs.typescript_graph(tmp_path) == {"ui/a.ts": {"b.ts"}, "b.ts": {"c.ts", "ui/a.ts"}, "c.ts": frozenset()}


def test_cycles_and_paths(graphs: ModuleType) -> None:
    """A cycle is reported as the group of its modules; without one, the longest chain of imports is found."""
    circular = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
    straight = {"a": {"b", "d"}, "b": {"c"}, "c": {"d"}, "d": set()}

    assert graphs.cycles(circular) == [["b", "c"]]
    assert graphs.cycles(straight) == []
    assert graphs.longest_path(straight) == ["a", "b", "c", "d"]

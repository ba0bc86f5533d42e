"""Read the import graphs of `src/manent`, `bench` and `web/src` as text; report cycles and the longest path.

`make check` runs this program. It needs neither Node.js nor an installed Manent. It counts every import, including
imports inside functions, imports under `TYPE_CHECKING`, and TypeScript's `import type`. The exit status is 1 if a graph
has a cycle.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]

Graph = Mapping[str, frozenset[str]]
"""Module → the modules in the same folder that it imports."""

_TYPESCRIPT_IMPORT = re.compile(r"""(?:\bfrom|\bimport\s*\(?)\s*["'](\.{1,2}/[^"']+)["']""")


def python_graph(folder: Path, package: str | None) -> dict[str, frozenset[str]]:
    """Return the import graph of a folder of Python files.

    Args:
        folder: contains the files.
        package: the package that contains the files. None: the folder contains programs that import each other by name.
    """
    modules = {_module_name(path, folder, package): path for path in sorted(folder.rglob("*.py"))}
    return {
        name: frozenset(target for target in _python_imports(path, name, modules) if target != name)
        for name, path in modules.items()
    }


def typescript_graph(folder: Path) -> dict[str, frozenset[str]]:
    """Return the import graph of a folder of TypeScript files. Modules are named by their paths below the folder."""
    files = {path.resolve(): path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.ts"))}
    graph = {}
    for path, name in files.items():
        targets = ((path.parent / found).resolve() for found in _TYPESCRIPT_IMPORT.findall(path.read_text()))
        graph[name] = frozenset(
            files[one] for target in targets if (one := target.with_suffix(".ts")) in files and one != path
        )
    return graph


def cycles(graph: Graph) -> list[list[str]]:
    """Return the groups of modules that import each other in a cycle, each sorted.

    The result is [] for a graph without cycles.

    Source: R. Tarjan, "Depth-first search and linear graph algorithms", 1972.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph[node]):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def longest_path(graph: Graph) -> list[str]:
    """Return the longest chain of imports in a graph without cycles, starting with the importer."""
    longest: dict[str, list[str]] = {}

    def visit(node: str) -> list[str]:
        if node not in longest:
            below = max((visit(target) for target in sorted(graph[node])), key=len, default=[])
            longest[node] = [node, *below]
        return longest[node]

    return max((visit(node) for node in graph), key=len, default=[])


def _module_name(path: Path, folder: Path, package: str | None) -> str:
    parts = path.relative_to(folder).with_suffix("").parts
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join((package, *parts) if package else parts)


def _python_imports(path: Path, name: str, modules: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: in a module, `from . import x` refers to its package
                package = name.split(".")[: -node.level + (path.stem == "__init__") or None]
                base = ".".join([*package, base]).rstrip(".")
            for alias in node.names:
                full = f"{base}.{alias.name}"
                target = full if full in modules else base
                if target in modules:
                    yield target


def main() -> int:
    """Print one line for each graph, and each cycle; return the exit status."""
    graphs = {
        "src/manent": python_graph(ROOT / "src/manent", "manent"),
        "bench": python_graph(ROOT / "bench", None),
        "tests/soak": python_graph(ROOT / "tests/soak", None),
        "web/src": typescript_graph(ROOT / "web/src"),
    }
    status = 0
    for name, graph in graphs.items():
        found = cycles(graph)
        if found:
            status = 1
            print(f"{name}: {len(graph)} modules, {len(found)} import cycles:")
            for group in found:
                print("  " + ", ".join(group))
            continue
        path = longest_path(graph)
        print(f"{name}: {len(graph)} modules, no import cycle, longest path {len(path)}")
        if "--path" in sys.argv:
            print("  " + "\n  ".join(path))
    return status


if __name__ == "__main__":
    sys.exit(main())

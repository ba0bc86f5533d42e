"""Finds the projects that a project imports: `imports:` in `config.yml`, with MultiProjectImporter.

Called by `reading`.
"""

import os
from pathlib import Path
from typing import Any

from manent.project.problems import Report, Spot
from manent.project.yaml.documents import Broken, plain, read_document

CONFIG_NAMES = ("config.yml", "config.yaml")


def find_imports(document: Any, config: Path, report: Report, *, seen: tuple[Path, ...] = ()) -> list[Path]:
    """Return the folders and files that a configuration imports, directly and indirectly.

    Args:
        document: the parsed configuration.
        config: its path. Imports are relative to its folder.
        report: receives the problems.
        seen: configurations that have already been read. These files are not read again.
    """
    root = Spot(document, report.name_of(config), 1, "", report)
    if not seen and not _is_importing(root):
        return []
    spot = root.get("imports")
    found: list[Path] = []
    for item in spot.items() if spot is not None else ():
        name = item.name("a path")
        if name is None:
            continue
        path = Path(os.path.normpath(config.parent / name))
        if not path.exists():
            item.error("config.import", "an existing folder or file")
            continue
        found.append(path)
        found += [inner for inner in _inner(path, config, report, seen) if inner not in found]
    return found


def _is_importing(root: Spot) -> bool:
    """Return whether the project's configuration names the importer. Without it, Rasa ignores `imports:`."""
    importers = root.get("importers")
    return importers is not None and "MultiProjectImporter" in str(plain(importers.value))


def _inner(path: Path, config: Path, report: Report, seen: tuple[Path, ...]) -> list[Path]:
    inner = next((path / name for name in CONFIG_NAMES if (path / name).is_file()), None)
    on_the_way = (*seen, config.resolve())
    if inner is None or inner.resolve() in on_the_way:
        return []
    try:
        return find_imports(read_document(inner, report), inner, report, seen=on_the_way)
    except Broken:
        return []

"""Finds the files of a project and determines their purposes.

Called by `reading` and by commands that take paths. This module looks for keys in the lines of a file, as Rasa does, so
it also finds the purpose of a file with syntax errors.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

YAML_SUFFIXES = (".yml", ".yaml")
MARKDOWN_SUFFIXES = (".md",)
"""Suffixes of training data in format 1.x."""
STORY_SUFFIXES = (*YAML_SUFFIXES, *MARKDOWN_SUFFIXES)
DOMAIN_KEYS = ("slots", "forms", "actions", "entities", "intents", "responses", "e2e_actions", "session_config")
"""A YAML file with one of these top-level keys is a domain file. The file may have other purposes, too."""

OLD_RESPONSES = "templates"
"""Name of the `responses` key in a domain of format 1.x."""

_DOMAIN_STARTS = tuple(f"{key}:" for key in (*DOMAIN_KEYS, OLD_RESPONSES))
_NLU_KEYS = ("nlu:", "responses:")
_STORY_KEYS = ("stories:", "rules:")


def find_files(
    paths: Iterable[Path], suffixes: Sequence[str] = YAML_SUFFIXES, *, subdirectories_last: bool = False
) -> list[Path]:
    """Return the files in some paths, in order of their names.

    Searches directories recursively and follows links. Skips hidden files. A path to a single file can have any name.
    Each file is returned once.

    Args:
        paths: files and directories.
        suffixes: the suffixes of the files to return.
        subdirectories_last: whether a directory's own files come before its subdirectories. This is Rasa's order of
            domain files, of which the first definition of a name is used.
    """
    found: dict[Path, None] = {}
    seen: set[Path] = set()
    for path in paths:
        if path.is_dir():
            for file in _walk(path, seen, subdirectories_last=subdirectories_last):
                if file.suffix in suffixes:
                    found[file] = None
        elif path.exists():
            found[path] = None
    return list(found)


def _walk(directory: Path, seen: set[Path], *, subdirectories_last: bool) -> Iterable[Path]:
    real = directory.resolve()
    if real in seen:
        return
    seen.add(real)
    for entry in sorted(os.scandir(directory), key=lambda entry: (subdirectories_last and entry.is_dir(), entry.name)):
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        if entry.is_dir():
            yield from _walk(path, seen, subdirectories_last=subdirectories_last)
        elif entry.is_file():
            yield path


def is_domain(path: Path) -> bool:
    """Return whether any line of the file starts with a domain key, in the first column."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return False
    return any(line.startswith(_DOMAIN_STARTS) for line in text.split("\n"))


def is_nlu(text: str) -> bool:
    """Return whether any line of the text starts with `nlu:` or `responses:`, possibly after spaces."""
    return _has_line(text, _NLU_KEYS)


def is_stories(text: str) -> bool:
    """Return whether the text contains stories or rules."""
    return _has_line(text, _STORY_KEYS)


def is_test_file(path: Path) -> bool:
    """Return whether a file name is that of a test-story file."""
    return path.name.startswith("test_") and path.suffix in YAML_SUFFIXES


def _has_line(text: str, keys: tuple[str, ...]) -> bool:
    return any(key in text for key in keys) and any(line.lstrip().startswith(keys) for line in text.split("\n"))

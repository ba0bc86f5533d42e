"""Edits parts of a YAML file and keeps its comments. Called by the migrations."""

import io
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from manent.authoring.comments import restore_comments

NEW_VERSION = "3.1"

_DIRECTIVE = re.compile(r"\A\s*%YAML[^\n]*\n(?:\s*#[^\n]*\n|\s*\n)*---[^\n]*\n")
"""Matches `%YAML 1.1`, the first line of some files of format 1.x.

In spite of it, Rasa reads these files as YAML 1.2.
"""
_VERSION_LINE = re.compile(r"^version:[ \t]*[\"']?2\.\d+[\"']?", re.MULTILINE)
_LISTED_DEEPER = re.compile(r"^( *)[\w./-]+:[ \t]*(?:#.*)?\n(?:[ \t]*#.*\n|\s*\n)*\1 +- ", re.MULTILINE)


def with_new_version(text: str) -> str:
    """Return a file's text with its version 2.x replaced by 3.1."""
    return _VERSION_LINE.sub(f'version: "{NEW_VERSION}"', text, count=1)


class YamlFile:
    """A YAML file that can be changed. The rest of the file, including its comments, stays the same."""

    def __init__(self, text: str) -> None:
        text = _DIRECTIVE.sub("", text, count=1)
        self._before = text
        self._yaml = YAML()
        self._yaml.preserve_quotes = True
        self._yaml.width = 100_000
        if _LISTED_DEEPER.search(text):
            self._yaml.indent(mapping=2, sequence=4, offset=2)
        self.root: Any = self._yaml.load(text)
        self.is_changed = False

    def section(self, name: str) -> Any:
        """Return the value of a top-level key, or None."""
        return self.root.get(name) if isinstance(self.root, CommentedMap) else None

    def text(self) -> str:
        """Return the file's new text."""
        if not self.is_changed:
            return with_new_version(self._before)
        if "version" in self.root:
            self.root["version"] = DoubleQuotedScalarString(NEW_VERSION)
        else:
            self.root.insert(0, "version", DoubleQuotedScalarString(NEW_VERSION))
        return restore_comments(self._before, self.dump())

    def dump(self) -> str:
        """Return the file's text, as ruamel.yaml writes it."""
        stream = io.StringIO()
        self._yaml.dump(self.root, stream)
        return stream.getvalue()

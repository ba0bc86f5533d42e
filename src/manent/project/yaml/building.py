"""Builds documents that are not parsed from YAML text.

The values have line numbers, so that problems can refer to a position. The conversions of older formats use this
module, so that the readers of format 3.1 see only one kind of data.
"""

from typing import Any

from manent.project.yaml.documents import Map, Seq


def put(target: Map, key: str, value: Any, line: int) -> None:
    """Set a key of a mapping. The key and the value get the line `line`."""
    target[key] = value
    target.key_lines[key] = target.lines[key] = line


def append(target: Seq, value: Any, line: int) -> None:
    """Add an item to a list. All plain data in the item get the line `line`."""
    target.append(lined(value, line))
    target.lines.append(line)


def lined(value: Any, line: int) -> Any:
    """Return plain data as document data, with the same line number for all values.

    Data that already belongs to a document is returned unchanged.
    """
    if isinstance(value, Map | Seq):
        return value
    if isinstance(value, dict):
        new = Map(line)
        for key, item in value.items():
            put(new, key, lined(item, line), line)
        return new
    if isinstance(value, list):
        items = Seq(line)
        for item in value:
            append(items, item, line)
        return items
    return value

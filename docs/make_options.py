"""Writes docs/options.md, the reference of all options of channels, event brokers and stores, from their classes.

Run it after you change an options class: `python docs/make_options.py`. A test reports a page that is not current.
"""
# ruff: noqa: INP001, E501 - a program beside the documents, whose texts are lines of the page

import inspect
import re
from pathlib import Path
from typing import Any

import msgspec

from manent.channels.socketio.web_chat import WebChatOptions
from manent.extensions.finding import find
from manent.extensions.options import Field, fields_of
from manent.extensions.points import BROKERS, CHANNELS, STORES, ExtensionPoint
from manent.files.options import FilesOptions
from manent.project.settings.desk import ChatwootOptions, DeskOptions
from manent.tracing.options import TracingOptions

PAGE = Path(__file__).with_name("options.md")

HEAD = """# Options

All options of the built-in channels, event brokers and stores, of files, of the desk and of tracing. `manent data validate` and `manent run` report wrong values and unknown names, with file and
line. A number or a flag may be in quotes or come from the environment (`${VARIABLE}`).

This page is generated from the classes that read the options (`docs/make_options.py`).
"""

SECTIONS = (
    (CHANNELS, "Channels", "A channel is a section of `credentials.yml`: its name, and below it its options."),
    (BROKERS, "Event brokers", "The section `event_broker` of `endpoints.yml`. `type` chooses one; default: `pika`."),
    (
        STORES,
        "Stores",
        "The section `tracker_store` of `endpoints.yml`. `type` chooses one; without the section, it is a SQLite file.",
    ),
)

WEB_CHAT = """
### `socketio.web_chat`

The option `web_chat` of `socketio`; see [branding](web-chat.md#branding).

"""
FILES = """
## Files

The section `files` of `credentials.yml`. Without it, visitors cannot send files ([files](files.md)).

"""
TRACING = """
## Tracing

The section `tracing` of `endpoints.yml`, as in Rasa. Without the section, nothing is traced. It needs `pip install 'manent[tracing]'`.

"""
DESK = """
## Desk

The section `desk` of `endpoints.yml`: people who answer in place of the bot ([handoff](handoff.md), [desk](desk.md)).

"""

CHATWOOT = """
### `desk.chatwoot`

The option `chatwoot` of `desk`; see [Chatwoot](desk.md#chatwoot).

"""


def draw() -> str:
    """Return the page."""
    return (
        HEAD
        + _section(*SECTIONS[0])
        + (WEB_CHAT + _table(WebChatOptions))
        + "".join(_section(point, title, text) for point, title, text in SECTIONS[1:])
        + (FILES + _table(FilesOptions))
        + (DESK + _table(DeskOptions))
        + (CHATWOOT + _table(ChatwootOptions))
        + (TRACING + _table(TracingOptions))
    )


def descriptions(options: type[msgspec.Struct]) -> dict[str, str]:
    """Return the descriptions of a class's attributes, from its docstring and those of its base classes."""
    found: dict[str, str] = {}
    for cls in reversed(options.__mro__):
        _, _, listed = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
        for name, text in re.findall(r"^    (\w+): (.+(?:\n        .+)*)", listed, re.MULTILINE):
            found[name] = " ".join(text.split())
    return found


def _section(point: ExtensionPoint, title: str, text: str) -> str:
    parts = [f"\n## {title}\n\n{text}\n"]
    targets: dict[str, list[str]] = {}
    for name, target in point.built_in.items():
        targets.setdefault(target, []).append(name)
    for names in targets.values():
        options = find(point, names[0]).options
        heading = " or ".join(f"`{name}`" for name in names)
        parts.append(f"\n### {heading}\n\n{_table(options)}")
    return "".join(parts)


def _table(options: type[msgspec.Struct]) -> str:
    fields = fields_of(options)
    if not fields:
        return "No options.\n"
    words = descriptions(options)
    rows = [f"| `{field.name}` | {field.expected} | {_default(field)} | {words[field.attribute]} |" for field in fields]
    return "\n".join(("| option | value | default | meaning |", "|---|---|---|---|", *rows)) + "\n"


def _default(field: Field) -> str:
    if field.is_required:
        return "**required**"
    value: Any = field.default
    if value is None or value in ({}, []):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    PAGE.write_text(draw(), encoding="utf-8")

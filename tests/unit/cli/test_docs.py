"""The documents show only commands, options and targets of make that exist, and one page names every command."""

import importlib
import re
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from manent.cli.main import COMMANDS, Command

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/cli.md").read_text()
DOCUMENTS = [
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*/README.md"))
    if "decisions" not in path.parts and "lab" not in path.parts
]


def test_every_command_has_its_place() -> None:
    """Each command is in a heading, or (like `conversations show`) begins one and is named there."""
    headings = [line for line in PAGE.splitlines() if line.startswith("### ")]
    named = {name for heading in headings for name in re.findall(r"`manent ([^`]+)`", heading)}
    named |= set(re.findall(r"\*\*`manent ([^`]+)`\*\*", PAGE))
    group = next(heading for heading in headings if "conversations list" in heading)
    named |= {f"conversations {word}" for word in re.findall(r", `(\w+)`", group)}

    assert {command.name for command in COMMANDS} == named


def options_of(command: Command) -> set[str]:
    """Return all options of a command, and those that every command has."""
    module, _, function = command.target.partition(":")
    app = typer.Typer(add_completion=False)
    app.command()(getattr(importlib.import_module(module), function))
    found = {word for option in get_command(app).params for word in (*option.opts, *option.secondary_opts)}
    return {word for word in found if word.startswith("-")} | {"--help"}


def commands_in(document: Path) -> list[list[str]]:
    """Return the words after `manent` in the code of a document: in blocks for a shell, and between backticks."""
    text = document.read_text()
    blocks = re.findall(r"^ *```(?:sh|bash|console)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`([^`\n]+)`", text)
    found = []
    for line in lines:
        match = re.search(r"(?:^|[\s/;(])manent ((?:[a-z]|--?\w)[^|;&#>)]*)", line.split(" #")[0])
        if match:
            found.append(match[1].split())
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_the_documents_exist(document: Path) -> None:
    """Each command that a document shows exists, with the options that the document shows."""
    commands = {tuple(command.name.split()): command for command in COMMANDS}
    wrong = []
    for words in commands_in(document):
        if words[0].startswith("-"):
            continue
        name = next((tuple(words[:n]) for n in (3, 2, 1) if tuple(words[:n]) in commands), None)
        if name is None and words in [[command[0]] for command in commands if len(command) > 1]:
            continue  # a group of commands
        if name is None:
            wrong.append(" ".join(words))
            continue
        options = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        wrong += [f"{' '.join(words)}: {option}" for option in options - options_of(commands[name])]

    assert wrong == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_targets_in_the_documents_exist(document: Path) -> None:
    """Each target of make that a document shows is in the Makefile."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = re.findall(r"(?:^|`)make ([a-z][a-z -]*)", document.read_text(), re.MULTILINE)

    assert {word for words in shown for word in words.split()} <= targets

"""The page of the commands names all there are."""

import re
from pathlib import Path

from manent.cli.main import COMMANDS

PAGE = (Path(__file__).parents[3] / "docs/cli.md").read_text()


def test_every_command_has_its_place() -> None:
    """Each command is in a heading, or (like `conversations show`) begins one and is named there."""
    headings = [line for line in PAGE.splitlines() if line.startswith("### ")]
    named = {name for heading in headings for name in re.findall(r"`manent ([^`]+)`", heading)}
    named |= set(re.findall(r"\*\*`manent ([^`]+)`\*\*", PAGE))
    group = next(heading for heading in headings if "conversations list" in heading)
    named |= {f"conversations {word}" for word in re.findall(r", `(\w+)`", group)}

    assert {command.name for command in COMMANDS} == named

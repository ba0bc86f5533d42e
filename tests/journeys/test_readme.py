"""The assistant in README.md trains and answers with the commands that stand below it."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from support.processes import Server, manent

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_assistant_of_the_readme_answers(serve: Callable[..., Server], tmp_path: Path) -> None:
    """Saved and trained as the README says, it answers a question that is not among its examples."""
    (assistant,) = re.findall(r"^```yaml bot\.yml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (tmp_path / "bot.yml").write_text(assistant)
    (command,) = re.findall(r"^manent (train --domain bot\.yml.*)$", README, re.MULTILINE)

    trained = manent(*shlex.split(command), cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr

    said = serve(tmp_path).say("when do you open?")
    assert [message["text"] for message in said] == ["We are open from nine to five, never on Sunday."]


def test_the_title_counts_the_lines() -> None:
    """The heading says how many lines the assistant has."""
    (assistant,) = re.findall(r"^```yaml bot\.yml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

    assert len(assistant.splitlines()) == 10
    assert "## An assistant in ten lines" in README

"""Making a project from the template."""

from pathlib import Path

import pytest

from manent.cli.init import create_project
from manent.core.errors import ManentError
from manent.dialogue.model import load_dialogue, train_dialogue
from manent.project.reading import read_project
from unit.dialogue.talking import Talk


def test_project_is_complete(tmp_path: Path) -> None:
    """The template is read without a mistake or a warning and has what it promises."""
    create_project(tmp_path)

    project = read_project(tmp_path)

    assert project.warnings == ()
    assert len({example.intent for example in project.nlu.examples}) == 8
    assert project.stories.stories
    assert project.stories.rules
    variations = [variation for response in project.domain.responses.values() for variation in response]
    assert any(variation.image for variation in variations)
    assert any(variation.buttons for variation in variations)


def test_second_greeting_changes_nothing(tmp_path: Path) -> None:
    """A story continues although the visitor has greeted twice, so the buttons of the second greeting work."""
    create_project(tmp_path)
    project = read_project(tmp_path)
    files = train_dialogue(project.config, project.domain, project.stories)
    talk = Talk(load_dialogue(files, project.domain))
    talk.intent("greet")
    talk.intent("greet")

    assert "utter_comfort" in talk.intent("day_bad")


def test_each_project_has_its_own_id(tmp_path: Path) -> None:
    """The assistant's id is not the template's placeholder."""
    create_project(tmp_path)

    assistant_id = read_project(tmp_path).config.assistant_id

    assert assistant_id
    assert assistant_id != "ASSISTANT_ID"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A file that is there stops everything, before anything is written."""
    (tmp_path / "domain.yml").write_text("mine")

    with pytest.raises(ManentError, match=r"domain\.yml"):
        create_project(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["domain.yml"]
    assert (tmp_path / "domain.yml").read_text() == "mine"


def test_hidden_files_get_their_names(tmp_path: Path) -> None:
    """What must not be hidden in our repository is hidden in the user's."""
    create_project(tmp_path)

    assert (tmp_path / ".gitignore").is_file()
    assert not (tmp_path / "gitignore").exists()

from pathlib import Path

import pytest

from manent.actions.sdk import load_executor
from manent.core.errors import ProjectError


def refused(root: Path, module: str) -> str:
    """Load a module that can't be loaded; return what is said."""
    with pytest.raises(ProjectError) as caught:
        load_executor(module, root=root)
    return str(caught.value)


def test_a_module_that_is_not_there(tmp_path: Path) -> None:
    """What was looked for, and where."""
    said = refused(tmp_path, "absent_actions")

    assert "[actions.missing]" in said
    assert str(tmp_path) in said
    assert "absent_actions.py" in said


def test_a_missing_library(tmp_path: Path) -> None:
    """The line that imports it, in a module below the package, and how to get it."""
    package = tmp_path / "lacking_actions"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "weather.py").write_text("import os\nimport no_such_library.weather\n")

    said = refused(tmp_path, "lacking_actions")

    assert "lacking_actions/weather.py:2" in said
    assert "pip install no_such_library" in said


def test_a_syntax_error(tmp_path: Path) -> None:
    """File and line of it."""
    (tmp_path / "wrong_actions.py").write_text("\ndef run(:\n")

    assert "wrong_actions.py:2" in refused(tmp_path, "wrong_actions")


def test_an_exception_while_importing(tmp_path: Path) -> None:
    """The project's own line, and what it raised."""
    (tmp_path / "raising_actions.py").write_text("import json\n\njson.loads('{')\n")

    said = refused(tmp_path, "raising_actions")

    assert "raising_actions.py:3" in said
    assert "JSONDecodeError" in said


def test_a_form_of_rasa_1(tmp_path: Path) -> None:
    """What has become of `FormAction`."""
    (tmp_path / "old_actions.py").write_text("from rasa_sdk.forms import FormAction\n")

    said = refused(tmp_path, "old_actions")

    assert "old_actions.py:1" in said
    assert "FormValidationAction" in said

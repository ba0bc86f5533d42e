"""Channels and their options."""

from pathlib import Path

import pytest

from manent.core.errors import ProjectError
from manent.project.settings.credentials import read_credentials


def test_channels(tmp_path: Path) -> None:
    """Channels keep their options and their order; those that we don't have are kept, too."""
    path = tmp_path / "credentials.yml"
    path.write_text(
        "rest:\nsocketio:\n  session_persistence: true\n  user_message_evt: user_uttered\n"
        "facebook: {verify: a, secret: b, page-access-token: c}\nmine.channels.Kiosk: {x: [1]}\n"
        'rasa:\n  url: "http://localhost:5002/api"\n'
    )

    assert read_credentials(path) == {
        "rest": {},
        "socketio": {"session_persistence": True, "user_message_evt": "user_uttered"},
        "facebook": {"verify": "a", "secret": "b", "page-access-token": "c"},
        "mine.channels.Kiosk": {"x": [1]},
        "rasa": {"url": "http://localhost:5002/api"},
    }


def test_no_file(tmp_path: Path) -> None:
    """Without a file there are no channels; an empty or commented-out one has none."""
    (tmp_path / "empty.yml").write_text("# rest:\n")

    assert read_credentials(None) == read_credentials(tmp_path / "none.yml") == {}
    assert read_credentials(tmp_path / "empty.yml") == {}


def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All mistakes at once, each with its line."""
    monkeypatch.delenv("NOT_SET", raising=False)
    path = tmp_path / "credentials.yml"
    path.write_text(
        "rest: yes\nsocketio:\n  session_persistence: on\n  session_identity: mined\n  jwt_key: 5\n"
        "slack:\n  slack_token: ${NOT_SET}\n"
    )

    with pytest.raises(ProjectError) as caught:
        read_credentials(path)
    assert [(problem.line, problem.path, problem.code) for problem in caught.value.problems] == [
        (1, "rest", "credentials.options"),
        (3, "socketio.session_persistence", "yaml.type"),
        (4, "socketio.session_identity", "credentials.session-identity"),
        (5, "socketio.jwt_key", "yaml.type"),
        (7, "", "yaml.unset-variable"),
    ]
    assert caught.value.problems[2].suggestion == 'Did you mean "minted"?'


def test_broken_file(tmp_path: Path) -> None:
    """A file that is no YAML is a ProjectError as well."""
    path = tmp_path / "credentials.yml"
    path.write_text("rest: [\n")

    with pytest.raises(ProjectError):
        read_credentials(path)

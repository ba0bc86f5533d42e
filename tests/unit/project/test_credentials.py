"""Channels and their options in the credentials file."""

from pathlib import Path

import pytest

from manent.core.errors import ProjectError
from manent.project.problems import Report, Spot
from manent.project.settings.credentials import read_channels, read_credentials
from manent.project.yaml.documents import read_document


def test_channels(tmp_path: Path) -> None:
    """Channels keep their options and their order. Unknown channels are kept, too."""
    path = tmp_path / "credentials.yml"
    path.write_text(
        "rest:\nsocketio:\n  session_persistence: true\n  user_message_evt: user_uttered\n"
        "facebook: {verify: a, secret: b, page-access-token: c}\nkiosk: {x: [1]}\n"
        'rasa:\n  url: "http://localhost:5002/api"\n'
    )

    assert read_credentials(path) == {
        "rest": {},
        "socketio": {"session_persistence": True, "user_message_evt": "user_uttered"},
        "facebook": {"verify": "a", "secret": "b", "page-access-token": "c"},
        "kiosk": {"x": [1]},
        "rasa": {"url": "http://localhost:5002/api"},
    }


def test_no_file(tmp_path: Path) -> None:
    """A missing, empty or commented-out file has no channels."""
    (tmp_path / "empty.yml").write_text("# rest:\n")

    assert read_credentials(None) == read_credentials(tmp_path / "none.yml") == {}
    assert read_credentials(tmp_path / "empty.yml") == {}


def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All mistakes are reported, each with its line."""
    monkeypatch.delenv("NOT_SET", raising=False)
    path = tmp_path / "credentials.yml"
    path.write_text(
        "rest: yes\nsocketio:\n  session_persistence: on\n  session_identity: mined\n  jwt_key: 5\n"
        "mattermost:\n  url: http://a\n  webhook_url: http://b\n  token: ${NOT_SET}\n"
    )

    with pytest.raises(ProjectError) as caught:
        read_credentials(path)
    assert [(problem.line, problem.path, problem.code) for problem in caught.value.problems] == [
        (1, "rest", "credentials.options"),
        (3, "socketio.session_persistence", "yaml.type"),
        (4, "socketio.session_identity", "credentials.session-identity"),
        (5, "socketio.jwt_key", "yaml.type"),
        (9, "", "yaml.unset-variable"),
    ]
    assert caught.value.problems[2].suggestion == 'Did you mean "minted"?'


def test_broken_file(tmp_path: Path) -> None:
    """A file that is not YAML raises a ProjectError."""
    path = tmp_path / "credentials.yml"
    path.write_text("rest: [\n")

    with pytest.raises(ProjectError):
        read_credentials(path)


def problems_of(text: str, tmp_path: Path) -> list[str]:
    """Return file line, path, code and suggestion of each problem, as `manent data validate` finds them."""
    (tmp_path / "credentials.yml").write_text(text)
    report = Report(tmp_path)
    document = read_document(tmp_path / "credentials.yml", report)
    read_channels(Spot(document, "credentials.yml", 1, "", report))
    found = [*report.errors, *report.warnings]
    return [f"{each.line} {each.path} [{each.code}] {each.suggestion}".strip() for each in found]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("callback:\n", ["1 callback [credentials.no-url]"]),
        ("callback:\n  url: ftp://x\n", ["2 callback.url [credentials.url]"]),
        ("callback:\n  url: http://x\n  headers: y\n", ["3 callback.headers [yaml.type]"]),
        (
            "callback:\n  url: http://x\n  tokn: y\n",
            ['3 callback.tokn [credentials.unknown-key] Did you mean "token"?'],
        ),
        ("socketio:\n  session_secret: short\n", ["2 socketio.session_secret [credentials.session-secret]"]),
        ("socketio:\n  session_identity: jwt\n", ["2 socketio.session_identity [credentials.session-identity]"]),
        (
            "socketio:\n  sesion_identity: minted\n",
            ['2 socketio.sesion_identity [credentials.unknown-key] Did you mean "session_identity"?'],
        ),
        ("socketio:\n  jwks_url: ftp://x\n  jwt_method: RS256\n", ["2 socketio.jwks_url [credentials.jwks-url]"]),
        ("rest:\n  jwt_key: abc\n", ["2 rest.jwt_key [credentials.unknown-key]"]),
        ("rset:\n", ['1 rset [credentials.channel] Did you mean "rest"?']),
        ("kiosk:\n", ["1 kiosk [credentials.channel]"]),
        ("rasa:\n  url: x\n", ["1 rasa [credentials.not-served]"]),
        (
            "telegram:\n  verify: x\n  webhook_url: x\n  acces_token: y\n",
            [
                "1 telegram [credentials.no-access-token]",
                '4 telegram.acces_token [credentials.unknown-key] Did you mean "access_token"?',
            ],
        ),
        ("cmdline:\n", []),
    ],
)
def test_every_option_is_checked(text: str, problems: list[str], tmp_path: Path) -> None:
    """Each wrong option of each channel, and each section that is not a channel, is reported at its line."""
    assert problems_of(text, tmp_path) == problems


def test_a_channel_that_cannot_be_imported_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names file, line and the missing name, and suggests the one that exists."""
    (tmp_path / "shop_kiosk.py").write_text("class Kiosk: ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert problems_of("rest:\nshop_kiosk.Kisok:\n", tmp_path) == [
        '2 shop_kiosk.Kisok [credentials.bad-channel] Did you mean "Kiosk"?'
    ]

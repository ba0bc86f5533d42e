"""Problems that are found when a server starts name the file and the line of the key."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from manent.cli.project_store import with_store
from manent.core.errors import Problem, ProjectError
from manent.project.settings.locating import located
from manent.runtime.ports.store import ConversationStore
from manent.server.app import build
from manent.server.options import ServeOptions
from support.small_talk import model_file, write_project

CLASSES = """
from rasa.core.channels.channel import InputChannel


class Strict(InputChannel):
    @classmethod
    def name(cls):
        return "strict"

    @classmethod
    def from_credentials(cls, credentials):
        if "token" not in credentials:
            raise KeyError("token")
        return cls()

    def blueprint(self, on_new_message):
        raise RuntimeError("no routes")


class Twin:
    name = "rest"
    output = None

    def __init__(self, options):
        self.options = options

    def routes(self, inbox):
        return []

    async def open(self):
        raise OSError("no connection")

    async def close(self): ...


class Starting(Twin):
    name = "starting"


class Broker:
    def __init__(self, options):
        import a_library_that_is_missing

    async def connect(self): ...
    async def publish(self, messages): ...
    async def close(self): ...
"""


@pytest.fixture(autouse=True)
def _classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The module `own_parts` can be imported, and does not stay imported."""
    (tmp_path / "own_parts.py").write_text(CLASSES)
    monkeypatch.syspath_prepend(str(tmp_path))
    finders = list(sys.meta_path)
    yield
    sys.meta_path[:] = finders
    for name in [name for name in sys.modules if name.partition(".")[0] in ("rasa", "own_parts")]:
        del sys.modules[name]


async def start(root: Path, *, credentials: str = "", endpoints: str = "") -> Problem:
    """Return the problem that prevents the start of a server with these files."""
    write_project(root, credentials=credentials, endpoints=endpoints)
    options = ServeOptions(root=root, model=model_file())
    with pytest.raises(ProjectError) as caught:
        async with build(options).opened():
            pass
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("credentials", "line", "found"),
    [
        ("rest:\nsocketio:\n  session_identity: jwt\n  jwt_key_file: none.pem\n", 4, "No such file"),
        ("rest:\n  session_identity: jwt\n", 2, "jwt"),
        ("rest:\nown_parts.Strict:\n  user: ada\n", 2, "raises KeyError when it is created: 'token' (line "),
        (
            "rest:\nown_parts.Strict:\n  token: t1\n",
            2,
            "when its routes are created: no routes (line ",
        ),
        ("rest:\n\nown_parts.Twin:\n", 3, 'a second channel with the name "rest"'),
        ("rest:\n\nown_parts.Starting:\n", 3, "raises OSError when it starts: no connection (line "),
        ("hangouts:\n  project_id: p\n  service_account: none.json\n", 3, "a key file that cannot be used"),
    ],
)
async def test_a_key_of_the_credentials(credentials: str, line: int, found: str, tmp_path: Path) -> None:
    """The key's line is named, or the line of its section if the key is missing."""
    problem = await start(tmp_path, credentials=credentials)

    assert (problem.file, problem.line) == ((tmp_path / "credentials.yml").as_posix(), line)
    assert found in problem.found


@pytest.mark.parametrize(
    ("endpoints", "line", "found"),
    [
        ("tracker_store:\nevent_broker:\n  type: own_parts.Broker\n", 2, "no module named 'a_library_that_is_missing'"),
        ("desk:\n  identity: jwt\n  jwt_key_file: none.pem\n", 3, "No such file"),
        ("tracing:\n  type: otlp\n  endpoint: localhost:4317\n  root_certificates: none.pem\n", 4, "No such file"),
    ],
)
async def test_a_key_of_the_endpoints(endpoints: str, line: int, found: str, tmp_path: Path) -> None:
    """The same holds for the other file."""
    problem = await start(tmp_path, endpoints=endpoints)

    assert (problem.file, problem.line) == ((tmp_path / "endpoints.yml").as_posix(), line)
    assert found in problem.found


def test_a_command_names_the_given_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that opens the store names the file that it was given, and what to install."""
    path = tmp_path / "other.yml"
    path.write_text("action_endpoint:\ntracker_store:\n  type: SQL\n  dialect: postgresql\n")
    for name in [name for name in sys.modules if name.startswith("manent.stores.postgresql.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "asyncpg", None)

    async def work(_: ConversationStore) -> None:
        pytest.fail("the store was opened")

    with pytest.raises(ProjectError) as caught:
        with_store(path, work)

    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (path.as_posix(), 2)
    assert "manent[postgresql]" in problem.suggestion


def test_other_problems_are_not_changed(tmp_path: Path) -> None:
    """A problem that has a line, or that belongs to another file, is not changed."""
    (tmp_path / "credentials.yml").write_text("rest:\n")
    known = Problem(file="credentials.yml", line=7, path="rest", code="c", found="f", expected="e")
    other = Problem(file="domain.yml", line=0, path="rest", code="c", found="f", expected="e")
    with pytest.raises(ProjectError) as caught, located(credentials=tmp_path / "credentials.yml"):
        raise ProjectError([known, other])

    assert caught.value.problems == [known, other]

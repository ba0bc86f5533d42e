"""What a fresh interpreter imports: heavy libraries only where they are used."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("typer", "rich", "numpy", "sklearn", "scipy", "starlette", "socketio", "sqlalchemy", "yaml", "wordllama")


def modules_after(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has after a statement."""
    program = f"import sys\n{statement}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("statement", ["import manent", "from manent.cli.main import main; main(['--help'])"])
def test_light_imports(statement: str) -> None:
    """Importing the package and asking for help import no heavy library."""
    found = modules_after(statement)

    assert "manent" in found
    assert found.isdisjoint(HEAVY)


def test_opening_a_broker_imports_no_library() -> None:
    """Deciding which broker it is imports none of their libraries."""
    assert modules_after("import manent.brokers.opening").isdisjoint({"aiormq", "asyncpg", "yarl"})


def test_remote_actions_leave_the_sdk_alone() -> None:
    """A server whose actions are remote does not import rasa-sdk, and aiohttp only when it calls one."""
    found = modules_after(
        "from manent.actions.opening import open_actions; from manent.core.domain import Domain; "
        "open_actions({'url': 'http://localhost:5055/webhook'}, Domain())"
    )

    assert found.isdisjoint({"rasa_sdk", "sanic", "aiohttp", "pydantic"})


def test_opening_a_store_imports_no_other_database(tmp_path: Path) -> None:
    """Opening a SQLite store imports neither SQLAlchemy nor PostgreSQL's driver."""
    found = modules_after(
        "import asyncio, pathlib; from manent.stores.opening import open_store; "
        f"store = open_store(None, root=pathlib.Path({str(tmp_path)!r})); asyncio.run(store.open())"
    )

    assert "sqlite3" in found
    assert found.isdisjoint({"sqlalchemy", "asyncpg"})


def test_training_checks_channels_without_their_libraries(tmp_path: Path) -> None:
    """Training checks the options of `socketio:` and `rest:` without the libraries that only a server needs."""
    credentials = tmp_path / "credentials.yml"
    credentials.write_text("rest:\nsocketio:\n  session_persistence: true\n")
    found = modules_after(
        "import pathlib, manent.training; from manent.project.settings.credentials import read_credentials; "
        f"assert read_credentials(pathlib.Path({str(credentials)!r}))['socketio']"
    )

    assert "manent.channels.socketio.options" in found
    assert found.isdisjoint({"socketio", "engineio", "aiohttp", "requests", "uvicorn"})


def test_parsing_needs_no_training_libraries() -> None:
    """A process that only loads and parses imports neither SciPy, scikit-learn nor wordllama."""
    found = modules_after(
        "from manent.nlu.pipeline import load_pipeline; from manent.models.vectors import open_vectors; "
        "open_vectors().text(['hello'])"
    )

    assert found.isdisjoint({"scipy", "sklearn", "wordllama", "matplotlib"})


def test_without_the_sdk(tmp_path: Path) -> None:
    """The message says what to install."""
    code = (
        "import sys; sys.modules['rasa_sdk'] = None\n"
        "from pathlib import Path\n"
        "from manent.actions.sdk import load_executor\n"
        "from manent.core.errors import ProjectError\n"
        "try:\n    load_executor('actions', root=Path())\n"
        "except ProjectError as error:\n    print(error)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )

    assert 'pip install "manent[actions]"' in ended.stdout


def test_a_server_without_a_desk_imports_nothing_of_it() -> None:
    """The modules of the desk are imported only if it is configured."""
    found = modules_after("import manent.server.serving")

    assert not {name for name in found if name.startswith(("manent.desk", "manent.server.api.desk"))}

"""The commands of docs/operations/backup.md: a backup, its restore, and the erases that are repeated after it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support import postgres
from support.processes import Server, manent, wait_for

PAGE = (Path(__file__).parents[2] / "docs/operations/backup.md").read_text()
BLOCKS: list[str] = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

Serve = Callable[..., Server]


def block(first: str) -> str:
    """Return the block of commands on the page that begins with a word."""
    return next(each for each in BLOCKS if each.startswith(first))


def run(commands: str, project: Path, **environment: str) -> None:
    """Run commands of the page in the project's folder, with its `/backups` in another place."""
    (project.parent / "backups").mkdir(exist_ok=True)
    path = f"{Path(sys.executable).parent}:{environment.pop('also', '')}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands.replace("/backups", str(project.parent / "backups"))],  # noqa: S607
        cwd=project,
        env=os.environ | environment | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def talk_and_erase(server: Server, project: Path, backup: Callable[[], None]) -> None:
    """Make a backup with two conversations, then go on with one and erase the other."""
    server.say("hello", "ada")
    server.say("hello", "bob")
    backup()
    server.say("who are you?", "bob")
    assert manent("conversations", "erase", "--yes", "ada", cwd=project).returncode == 0
    events = project / "events.log"
    wait_for(lambda: "conversation_erased" in events.read_text(), "the notice")
    assert server.stop() == 0


def messages(project: Path) -> dict[str, int]:
    """Return the number of the visitor's messages by conversation."""
    done = manent("conversations", "export", cwd=project)
    assert done.returncode == 0, done.stderr
    return {
        name: len(
            re.findall(
                rf'"sender_id": ?"{name}".*"event": ?"user"|"event": ?"user".*"sender_id": ?"{name}"', done.stdout
            )
        )
        for name in ("ada", "bob")
    }


@pytest.mark.slow
def test_sqlite(project: Path, serve: Serve) -> None:
    """The backup has both conversations; after the second erase only the other one is left, as it was then."""
    (project / "endpoints.yml").write_text("event_broker: {type: file, path: events.log}\n")
    talk_and_erase(serve(project), project, lambda: run(block("manent db backup"), project))

    run(block("rm -f conversations.db-wal"), project)
    assert messages(project) == {"ada": 1, "bob": 1}
    run(block("grep -h"), project)

    assert messages(project) == {"ada": 0, "bob": 1}
    assert serve(project).say("hello", "bob")


@pytest.mark.slow
def test_postgresql(project: Path, serve: Serve) -> None:
    """The same with pg_dump and pg_restore."""
    programs = postgres.programs()
    if programs is None:
        pytest.skip("needs PostgreSQL")
    with postgres.running(programs) as cluster:
        database = cluster.new_database()
        (project / "endpoints.yml").write_text(
            "event_broker: {type: file, path: events.log}\n"
            f"tracker_store: {{type: SQL, dialect: postgresql, url: '{database}'}}\n"
        )

        def command(first: str) -> None:
            run(block(first), project, DATABASE=database, also=str(programs))

        talk_and_erase(serve(project), project, lambda: command("pg_dump"))
        command("psql")
        assert messages(project) == {"ada": 1, "bob": 1}
        command("grep -h")

        assert messages(project) == {"ada": 0, "bob": 1}
        assert serve(project).say("hello", "bob")

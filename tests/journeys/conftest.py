"""A project that the real command line created and trained, and servers that stop after the test."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.once import made_once
from support.ports import free_port
from support.processes import MANENT, Server, listens, manent, wait_for


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that `manent init` created and trained."""

    def make(folder: Path) -> None:
        done = manent("init", "--no-prompt", "--init-dir", str(folder), cwd=folder.parent)
        assert done.returncode == 0, done.stdout + done.stderr

    return made_once(tmp_path_factory, "trained-by-init", make)


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Path:
    """A copy of the project for one test."""
    return copied(trained, tmp_path / "project")


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers, and stops those that still run after the test."""
    with serving() as start:
        yield start


@pytest.fixture(scope="module")
def talking(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the project, for tests that only send messages. Each test uses another sender."""
    with serving() as start:
        yield start(copied(trained, tmp_path_factory.mktemp("talking") / "project"))


def copied(project: Path, folder: Path) -> Path:
    """Return a copy of a project."""
    subprocess.run(["cp", "-r", str(project), str(folder)], check=True)  # noqa: S607
    return folder


@contextlib.contextmanager
def serving() -> Iterator[Callable[..., Server]]:
    """Start servers, and stop those that still run at the end."""
    servers: list[Server] = []

    def start(project: Path, *arguments: str, port: int | None = None) -> Server:
        port = port or free_port()
        process = subprocess.Popen(
            [*MANENT, "run", "-i", "127.0.0.1", "-p", str(port), "--lame-duck", "0", *arguments],
            cwd=project,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        server = Server(process=process, port=port)
        servers.append(server)
        wait_for(lambda: process.poll() is not None or listens(port), "the server")
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        return server

    try:
        yield start
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.process.kill()
            server.process.wait()
            if server.process.stdout is not None:
                server.process.stdout.close()

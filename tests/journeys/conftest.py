"""A project that the real command line made and trained, and servers that end with the test."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journeys.processes import MANENT, Server, listens, manent, wait_for
from once import made_once
from ports import free_port


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as `manent init` makes and trains it."""

    def make(folder: Path) -> None:
        done = manent("init", "--no-prompt", "--init-dir", str(folder), cwd=folder.parent)
        assert done.returncode == 0, done.stdout + done.stderr

    return made_once(tmp_path_factory, "trained-by-init", make)


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    folder = tmp_path / "project"
    subprocess.run(["cp", "-r", str(trained), str(folder)], check=True)  # noqa: S607
    return folder


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Starts servers, and ends what a test leaves running."""
    servers: list[Server] = []

    def start(project: Path, *arguments: str, port: int | None = None) -> Server:
        port = port or free_port()
        process = subprocess.Popen(
            [*MANENT, "run", "-i", "127.0.0.1", "-p", str(port), *arguments],
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

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()
        if server.process.stdout is not None:
            server.process.stdout.close()

"""The action server for `manent run --with-actions`: a child process that ends when the server ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from manent.cli.project_store import read_project_endpoints
from manent.core.errors import ActionError

START_TIMEOUT_S = 60.0
"""Time limit for the start of the action server.

Importing rasa-sdk takes one to three seconds, and longer on slow machines.
"""

STOP_TIMEOUT_S = 5.0

LOCAL = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104  # the address is only compared, not bound


@contextlib.contextmanager
def action_server(endpoints: Path | None) -> Iterator[None]:
    """Run the local action server from `endpoints.yml` until the context ends.

    Do nothing if there is no `action_endpoint`, or if actions run in the server's process.

    Raises:
        ActionError: `action_endpoint` refers to another machine, or the action server did not start.
    """
    wanted = read_project_endpoints(endpoints).action_endpoint or {}
    if "url" not in wanted:
        yield
        return
    url = urlsplit(str(wanted["url"]))
    port = url.port or 80
    if url.hostname not in LOCAL:
        raise ActionError(
            "action_server_elsewhere",
            f"--with-actions starts an action server on this machine, but `action_endpoint` names {url.hostname}",
        )
    if _answers(port):
        print(f"An action server is already running on port {port}.", flush=True)
        yield
        return
    child = start(port)
    try:
        _wait_until_up(child, port)
        yield
    finally:
        stop(child)


def start(port: int) -> subprocess.Popen[bytes]:
    """Start the action server. It ends when its standard input is closed, at the latest when this process ends."""
    command = [sys.executable, "-m", "manent", "run", "actions", "--port", str(port), "--stop-with-stdin"]
    return subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603  # the command contains no input


def stop(child: subprocess.Popen[bytes]) -> None:
    """Terminate the process, and kill it if it does not end within `STOP_TIMEOUT_S`."""
    child.terminate()
    try:
        child.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdin is not None:
        child.stdin.close()


def _wait_until_up(child: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _answers(port):
        if child.poll() is not None:
            raise ActionError(
                "action_server_ended", "the action server did not start; the reason is in its output above"
            )
        if time.monotonic() > deadline:
            raise ActionError("action_server_slow", f"the action server did not start within {START_TIMEOUT_S:.0f} s")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


def stop_when_stdin_ends() -> None:
    """End this process when its parent ends for any reason, because this closes the pipe to the parent."""
    # Do not read `sys.stdin`: the reading thread would hold its lock, and the interpreter would abort at exit because
    # of this lock.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)

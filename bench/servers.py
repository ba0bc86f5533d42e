"""Start the servers that are compared: Manent, real Rasa, and a minimal echo server on the same transport.

Real Rasa needs Python 3.10, so it has a separate virtual environment (`make bench-peer`). This module does not import
either product. It starts their commands and uses their public protocols.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
PEER = Path(os.environ.get("MANENT_BENCH_RASA", ROOT / ".venv-rasa" / "bin" / "rasa"))
"""Rasa's command. MANENT_BENCH_RASA overrides it."""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A server that can be measured, with the commands that start it on a port and train its models."""

    name: str
    serve: tuple[str, ...]
    """Its command. `{port}` is replaced by the port."""
    train: tuple[str, ...] = ()
    patience_s: float = 60.0
    """Maximum number of seconds that the start can take."""
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)

    def command(self, port: int) -> list[str]:
        """Return the command that starts the server on this port."""
        return [part.replace("{port}", str(port)) for part in self.serve]


MANENT = Contender(
    name="manent",
    serve=(sys.executable, "-m", "manent", "run", "-i", "127.0.0.1", "-p", "{port}"),
    train=(sys.executable, "-m", "manent", "train", "--force"),
)
ECHO = Contender(name="echo", serve=(sys.executable, str(Path(__file__).with_name("echo_server.py")), "{port}"))
RASA = Contender(
    name="rasa",
    serve=(str(PEER), "run", "-i", "127.0.0.1", "-p", "{port}"),
    train=(str(PEER), "train", "--force"),
    patience_s=300.0,
    environment={
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    },
)


def checked_out(checkout: Path) -> Contender:
    """Return the version of Manent in another checkout, which has its own `.venv`."""
    python = str(checkout.resolve() / ".venv" / "bin" / "python")
    return replace(
        MANENT, name=checkout.resolve().name, serve=(python, *MANENT.serve[1:]), train=(python, *MANENT.train[1:])
    )


def bots() -> list[Contender]:
    """The servers that run assistants: Manent, and Rasa if `make bench-peer` has installed it."""
    return [MANENT, RASA] if PEER.exists() else [MANENT]


@dataclass(slots=True)
class Running:
    """A started server."""

    url: str
    process: psutil.Process
    log: Path
    started: float
    """The value of `time.perf_counter()` when the process started."""

    def memory_mb(self) -> float:
        """Resident memory of the server and its child processes, in MiB."""
        return sum(one.memory_info().rss for one in self._family()) / 2**20

    def cpu_s(self) -> float:
        """User and system CPU seconds of the server and its child processes since their start."""
        return sum(sum(one.cpu_times()[:2]) for one in self._family())

    def _family(self) -> Sequence[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextlib.contextmanager
def running(contender: Contender, project: Path, *, log: Path) -> Iterator[Running]:
    """Start a server in a project's folder and stop it after the `with` block.

    The block begins before the server answers.
    """
    port = free_port()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **contender.environment}
    # Let Python store its bytecode, as on users' machines.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with log.open("ab") as out:
        started = time.perf_counter()
        server = subprocess.Popen(contender.command(port), cwd=project, stdout=out, stderr=out, env=environment)
    try:
        yield Running(f"http://127.0.0.1:{port}", psutil.Process(server.pid), log, started)
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(20)
        server.kill()
        server.wait()


def wait_until_up(server: Running, patience_s: float) -> None:
    """Wait until the server answers an HTTP request with any status. Raise TimeoutError after `patience_s`."""
    until = time.perf_counter() + patience_s
    while time.perf_counter() < until:
        if not server.process.is_running() or server.process.status() == psutil.STATUS_ZOMBIE:
            raise RuntimeError(f"the server ended while it was started:\n{server.log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(server.url, timeout=5):  # noqa: S310 - the program's own URL
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(f"the server did not answer within {patience_s:.0f} s")


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

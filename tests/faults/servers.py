"""Real servers that share one project and its store, for tests that stop, starve and end them."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from manent.client import ChatClient
from support.ports import free_port
from support.processes import MANENT, listens, wait_for
from support.small_talk import model_file, write_project

SKEWED = [sys.executable, str(Path(__file__).with_name("skewed.py"))]
IMPATIENT = [sys.executable, str(Path(__file__).with_name("impatient.py"))]

ACTIONS = """
import os, time
from pathlib import Path
from rasa_sdk import Action

class Work(Action):
    def name(self):
        return "action_work"

    def run(self, dispatcher, tracker, domain):
        key = tracker.latest_message["metadata"]["idempotency_key"]
        with Path(os.environ["LEDGER"]).open("a") as file:
            file.write(f"{os.getpid()} {key}\\n")
        time.sleep(float(os.environ["WORK_SECONDS"]))
        dispatcher.utter_message(text="Done.")
        return []
"""


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def send(self, signal_: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(signal_)


@dataclass
class Fleet:
    """One project and the servers on it."""

    root: Path
    servers: list[Server] = field(default_factory=list)

    @property
    def runs(self) -> list[tuple[int, str]]:
        """Process and idempotency key of each run of the custom action that has begun."""
        ledger = self.root / "ledger"
        lines = ledger.read_text().splitlines() if ledger.exists() else []
        return [(int(pid), key) for pid, key in (line.split() for line in lines)]

    def start(
        self,
        *arguments: str,
        work_s: float = 0.0,
        impatient: bool = False,
        ahead_s: float = 0.0,
        before: tuple[str, ...] = (),
        port: int | None = None,
        release: Path | None = None,
    ) -> Server:
        """Start a server.

        Args:
            arguments: further ones for `manent run`.
            work_s: how long its custom action takes.
            impatient: with the short leases of `impatient.py`.
            ahead_s: by how much its clock is ahead.
            before: a command that runs the server.
            port: to listen on; None: any.
            release: a folder with another release of the package (`support/releases.py`); None: this one.
        """
        port = port or free_port()
        log = self.root / f"server-{port}.log"
        program = IMPATIENT if impatient else [*SKEWED, str(ahead_s)] if ahead_s else MANENT
        command = [*before, *program, "run", "-i", "127.0.0.1", "-p", str(port), "--lame-duck", "0", *arguments]
        environment = os.environ | {"LEDGER": str(self.root / "ledger"), "WORK_SECONDS": str(work_s)}
        if release is not None:
            environment["PYTHONPATH"] = str(release)
        with log.open("wb") as out:
            process = subprocess.Popen(command, cwd=self.root, stdout=out, stderr=out, env=environment)
        self.servers.append(Server(process, port, log))
        wait_for(lambda: process.poll() is not None or listens(port), "the server")
        assert process.poll() is None, log.read_text()
        return self.servers[-1]


@contextlib.contextmanager
def fleet(root: Path, *, tracker_store: str = "", credentials: str = "") -> Iterator[Fleet]:
    """Make a project whose `work` is a custom action in the server's process; end all its servers afterwards."""
    write_project(
        root,
        endpoints=f"action_endpoint:\n  actions_module: actions\n{tracker_store}",
        credentials=credentials or "rest:\nsocketio:\n  session_persistence: true\n",
    )
    (root / "actions.py").write_text(ACTIONS)
    (root / "models").mkdir()
    shutil.copy(model_file(), root / "models")
    found = Fleet(root)
    try:
        yield found
    finally:
        for server in found.servers:
            if server.process.poll() is None:
                server.send(signal.SIGCONT)
                server.process.kill()
            server.process.wait()


@contextlib.asynccontextmanager
async def tab(server: Server, session_id: str = "ada") -> AsyncIterator[ChatClient]:
    """A browser's tab, as the package's client is one."""
    async with ChatClient(server.url, session_id=session_id) as client:
        yield client


async def until(holds: Callable[[], bool], *, within_s: float = 60.0) -> None:
    """Wait until something holds that other processes bring about."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110  # there is no other way to know
            await asyncio.sleep(0.02)


async def history(server: Server, session_id: str = "ada") -> list[str]:
    """Return what a newcomer is shown of a conversation."""
    async with httpx.AsyncClient() as http:
        request = {"protocol": 1, "session_id": session_id, "limit": 200}
        answer = (await http.post(f"{server.url}/sessions/session_request", json=request)).json()
    return [message.get("message") or message.get("text") for message in answer["messages"]]

"""A real `manent run` for browser tests, on a port that does not change when the server is restarted."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from support.ports import free_port

UP_WITHIN_S = 90.0


@dataclass
class ChatServer:
    """One project's server.

    Attributes:
        project: the project's folder, with its model and its conversations.
        port: the same for every start.
        arguments: further arguments of `manent run`.
    """

    project: Path
    port: int = field(default_factory=free_port)
    arguments: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Address of the hosted page."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def is_running(self) -> bool:
        """Whether the server's process is running."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the server, and return when it accepts connections."""
        command = [sys.executable, "-m", "manent", "run", "-i", "127.0.0.1", "-p", str(self.port)]
        # `stop` must not wait for load balancers. `arguments` may set another time.
        command += ["--lame-duck", "0", *self.arguments]
        with (self.project / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.project, env=os.environ | self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + UP_WITHIN_S
        while not self._listens():
            assert self.process.poll() is None, (self.project / "server.log").read_text()
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill the server, as a crash does."""
        if self.process is not None and self.is_running:
            self.process.kill()
            self.process.wait(10)

    def stop(self) -> None:
        """Stop the server with SIGTERM."""
        if self.process is not None and self.is_running:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

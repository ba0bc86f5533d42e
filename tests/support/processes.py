"""Run the real command line in subprocesses, as commands or as servers on free ports."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANENT = [sys.executable, "-m", "manent"]
UP_WITHIN_S = 90.0


def manent(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command until it ends."""
    return subprocess.run(
        [*MANENT, *arguments], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=120, check=False
    )


@dataclass
class Server:
    """A running `manent run`."""

    process: subprocess.Popen[str]
    port: int

    def get(self, path: str, accept: str = "*/*") -> tuple[int, str]:
        """Return status and text of a page."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Accept": accept})
        return _fetch(request)

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        """Return status and JSON of an answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        status, text = _fetch(request)
        return status, json.loads(text)

    def say(self, text: str, sender: str = "ada", **more: Any) -> list[dict[str, Any]]:
        """Send a message over REST and return the bot's messages."""
        status, replies = self.post("/webhooks/rest/webhook", {"sender": sender, "message": text, **more})
        assert status == 200, replies
        return list(replies)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(how)
        return self.process.wait(60)


def _fetch(request: urllib.request.Request) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # our own server
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def wait_for(holds: Callable[[], bool], what: str) -> None:
    """Poll until a condition is true. A test has no other way to notice that another process is ready."""
    deadline = time.monotonic() + UP_WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Return whether a process accepts connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

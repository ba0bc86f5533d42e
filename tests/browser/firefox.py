"""A small driver for Firefox that uses WebDriver BiDi.

Playwright drives Firefox builds of its own, or a Firefox newer than Debian's: with `firefox-esr` it ends in "unknown
command: emulation.setMediaFeaturesOverride". Firefox speaks BiDi itself, on a WebSocket.
"""

import itertools
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from support.ports import free_port

WITHIN_S = 30.0


class Tab:
    """One tab of a running Firefox."""

    def __init__(self, wire: ClientConnection) -> None:
        self._wire = wire
        self._ids = itertools.count(1)
        self._command("session.new", capabilities={})
        self._context = self._command("browsingContext.getTree")["contexts"][0]["context"]

    def goto(self, url: str) -> None:
        """Load a page, or load it again."""
        self._command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression (a string, a number or a boolean)."""
        answer = self._command(
            "script.evaluate", expression=expression, target={"context": self._context}, awaitPromise=True
        )
        assert answer["type"] == "success", answer
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + WITHIN_S
        while not self.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < until, f"never true: {expression}"
            time.sleep(0.05)

    def press(self, keys: str) -> None:
        """Press keys, one after the other, as a keyboard does."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._command(
            "input.performActions",
            context=self._context,
            actions=[{"type": "key", "id": "keyboard", "actions": actions}],
        )

    def _command(self, method: str, **parameters: Any) -> Any:
        number = next(self._ids)
        self._wire.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._wire.recv(WITHIN_S))
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]


@contextmanager
def firefox(program: Path, profile: Path) -> Iterator[Tab]:
    """Run Firefox without a window."""
    port = free_port()
    command = [str(program), "--headless", "--no-remote", "--profile", str(profile), f"--remote-debugging-port={port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wire = _connected(port)
            yield Tab(wire)
            wire.close()
        finally:
            process.kill()


def _connected(port: int) -> ClientConnection:
    until = time.monotonic() + WITHIN_S
    while True:
        try:
            return connect(f"ws://127.0.0.1:{port}/session", max_size=None)
        except OSError:
            assert time.monotonic() < until, "Firefox did not start"
            time.sleep(0.1)

"""A small driver for WebKitGTK that uses WebDriver.

Playwright uses its own build of WebKit, which Debian does not have. WebKitGTK's small browser needs a display, so
it runs under Xvfb.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from support.ports import free_port
from support.processes import listens, wait_for

DRIVER = Path("/usr/bin/WebKitWebDriver")
XVFB = Path("/usr/bin/Xvfb")
WITHIN_S = 60.0


def browser() -> Path | None:
    """Return WebKitGTK's small browser, or None if it is not installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))), None)


class Window:
    """One window of a running WebKitGTK."""

    def __init__(self, http: httpx.Client, session: str) -> None:
        self._http = http
        self._session = session

    def goto(self, url: str) -> None:
        """Load a page, or load it again."""
        self._command("url", {"url": url})

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression."""
        return self._command("execute/sync", {"script": f"return ({expression})", "args": []})

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + WITHIN_S
        while not self.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < until, f"never true: {expression}"
            time.sleep(0.1)

    def press(self, keys: str) -> None:
        """Press keys, one after the other, as a keyboard does."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._command("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def _command(self, name: str, body: dict[str, Any]) -> Any:
        answer = self._http.post(f"/session/{self._session}/{name}", json=body).json()
        assert not isinstance(answer["value"], dict) or "error" not in answer["value"], answer
        return answer["value"]


@contextmanager
def webkit(folder: Path) -> Iterator[Window]:
    """Run WebKitGTK on a separate display, with an empty profile in `folder`."""
    program = browser()
    port = free_port()
    display = f":{free_port()}"
    environment = os.environ | {
        "DISPLAY": display,
        "GDK_BACKEND": "x11",
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
        "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",  # the sandbox does not start in containers
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([XVFB, display, "-screen", "0", "1280x900x24", "-nolisten", "tcp"], **quiet) as screen:
        with subprocess.Popen([DRIVER, f"--port={port}"], env=environment, start_new_session=True, **quiet) as driver:
            try:
                wait_for(lambda: listens(port), "WebKitWebDriver")
                options = {"binary": str(program), "args": ["--automation"]}
                wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WITHIN_S) as http:
                    answer = http.post("/session", json=wanted).json()
                    assert "sessionId" in answer["value"], answer
                    session = answer["value"]["sessionId"]
                    yield Window(http, session)
                    http.delete(f"/session/{session}")
            finally:
                driver.terminate()
        screen.terminate()

"""Pages that are not ours, in a real browser: their libraries from npm, a web server for them, Chromium."""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from support.ports import free_port
from support.processes import listens, wait_for

PAGES = Path(__file__).parent.parent / "pages"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
TIMEOUT_MS = 60_000


def libraries() -> Path:
    """Return the folder with the pages' libraries."""
    modules = PAGES / "node_modules"
    assert modules.exists(), "the pages' libraries are missing: `make install` gets them"
    return modules


@contextlib.contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """Serve a folder as tutorials do, with http-server; yields its origin."""
    port = free_port()
    program = libraries() / "http-server" / "bin" / "http-server"
    command = ["node", str(program), str(folder), "-p", str(port), "-a", "127.0.0.1", "-c-1", "-s"]
    process = subprocess.Popen(command)
    try:
        wait_for(lambda: listens(port), "the web server")
        yield f"http://localhost:{port}"
    finally:
        process.kill()
        process.wait()


def browse(scenario: Callable[[Browser], None]) -> None:
    """Play a scenario in a browser of its own.

    In a thread of its own, too: Playwright's synchronous interface occupies the event loop of the thread it runs in.
    """
    raised: list[BaseException] = []

    def play() -> None:
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
                scenario(browser)
                browser.close()
        except BaseException as error:  # noqa: BLE001  # raised again in the test's thread
            raised.append(error)

    thread = threading.Thread(target=play)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def received(page: Page, css: str = ".received") -> list[str]:
    """The texts that the bot said on a page."""
    return [text for text in page.locator(css).all_inner_texts() if text]


def wait_until(holds: Callable[[], bool], page: Page, what: str) -> None:
    """Wait for a state of a page, and let the page run meanwhile."""
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}: {page.locator('body').inner_text()}"
        page.wait_for_timeout(30)

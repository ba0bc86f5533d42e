"""A real Chromium and a real server for every test of the web chat.

Chromium is the one of Debian (`CHROMIUM` names another one); nothing is downloaded. A test waits for states of the
page, never for a fixed time.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from browser.chat import Chat
from browser.servers import ChatServer
from browser.sites import Site
from browser.tokens import KEY, Tokens
from support.once import trained

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
]
TIMEOUT_MS = 30_000
expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. It ends with the module, because Playwright's synchronous interface occupies the event loop."""
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium, or name one in CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def trained_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of these tests, trained once. Tests use copies of it."""
    return trained(Path(__file__).parent / "project", tmp_path_factory)


@pytest.fixture(scope="session")
def running_server(trained_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """One server for all tests. Each visitor has their own conversation."""
    project = tmp_path_factory.mktemp("browser") / "project"
    shutil.copytree(trained_project, project)
    running = ChatServer(project=project, arguments=("--cors", "*"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def server(running_server: ChatServer) -> ChatServer:
    """The running server. A test may kill it. For the next test, it is started again on the same port."""
    if not running_server.is_running:
        running_server.start()
    return running_server


@pytest.fixture
def open_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Opens browser contexts, which are closed after the test. Each is a visitor with separate storage."""
    contexts: list[BrowserContext] = []

    def new(**options: Any) -> BrowserContext:
        defaults: dict[str, Any] = {"locale": "en-GB", "timezone_id": "UTC", "reduced_motion": "reduce"}
        context = browser.new_context(**(defaults | options))
        context.set_default_timeout(TIMEOUT_MS)
        contexts.append(context)
        return context

    yield new
    for context in contexts:
        context.close()


@pytest.fixture
def context(open_context: Callable[..., BrowserContext]) -> BrowserContext:
    """A visitor."""
    return open_context()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab."""
    return context.new_page()


@pytest.fixture
def chat(page: Page, server: ChatServer) -> Chat:
    """The hosted page in that tab, ready for input."""
    return Chat(page).open(server.url)


@pytest.fixture
def site() -> Iterator[Site]:
    """A site with another origin."""
    with Site() as running:
        yield running


@pytest.fixture(scope="session")
def running_jwt_server(trained_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """A server that accepts the tokens of `Tokens`."""
    project = tmp_path_factory.mktemp("members") / "project"
    shutil.copytree(trained_project, project)
    credentials = f"socketio:\n  session_persistence: true\n  session_identity: jwt\n  jwt_key: {KEY}\n"
    (project / "credentials.yml").write_text(credentials)
    running = ChatServer(project=project, arguments=("--cors", "*"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def jwt_server(running_jwt_server: ChatServer) -> ChatServer:
    """The server for logged-in visitors."""
    return running_jwt_server


@pytest.fixture
def tokens(site: Site) -> Tokens:
    """A site whose visitors can sign in."""
    return Tokens(site)

"""The page of `manent run --demo`."""

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browser.axe import violations
from browser.chat import Chat
from browser.servers import ChatServer
from support.processes import listens, wait_for


@pytest.fixture(scope="module")
def demo(trained_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """A server with the demo's page."""
    project = tmp_path_factory.mktemp("demo") / "project"
    shutil.copytree(trained_project, project)
    running = ChatServer(project=project, arguments=("--demo",))
    running.start()
    yield running
    running.stop()


def test_a_reload_and_a_second_tab(context: BrowserContext, demo: ChatServer) -> None:
    """The buttons reload the page and open a tab, all messages are there, and no other server is contacted."""
    page = context.new_page()
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    chat = Chat(page).open(demo.url)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        re.compile(r"Reload me\.\s+Open a second tab\.\s+Kill the server\.\s+I remember\.")
    )
    chat.say("many thanks").heard("With pleasure.")
    page.get_by_role("button", name="Reload the page").click()
    expect(page.get_by_text("The page was reloaded. All 2 messages are still here.")).to_be_visible()
    chat.connected().heard("With pleasure.")

    with context.expect_page() as opened:
        page.get_by_role("link", name="Open a second tab").click()
    Chat(opened.value).connected().heard("With pleasure.").say("when are you open").heard("Every day")
    chat.heard("Every day")
    assert {url.split("/")[2] for url in loaded if not url.startswith("data:")} == {demo.url.split("/")[2]}
    assert chat.errors == []


@pytest.mark.parametrize(
    "options",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark", "viewport": {"width": 320, "height": 640}},
        {"forced_colors": "active"},
    ],
    ids=["light", "dark on a phone", "forced colours"],
)
def test_axe(open_context: Callable[..., BrowserContext], demo: ChatServer, options: dict[str, object]) -> None:
    """Axe finds no violation, and the page does not scroll sideways."""
    page = open_context(**options).new_page()
    Chat(page).open(demo.url)

    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_visitor_on_another_computer_cannot_kill(page: Page, demo: ChatServer) -> None:
    """If the address is not local, the page shows a sentence instead of the button."""
    page.route("**/config.json", lambda route: route.fulfill(json={"demo": {"pid": 0, "kill": False}}))
    Chat(page).open(demo.url)

    expect(page.get_by_role("button", name="Kill the server")).to_have_count(0)
    expect(page.get_by_text("Only a browser on the same computer gets a button for this.")).to_be_visible()


@pytest.mark.slow
def test_the_server_is_killed(page: Page, demo: ChatServer) -> None:
    """The button kills the server's process, and another takes over. Messages sent meanwhile are answered once."""
    chat = Chat(page).open(demo.url)
    chat.say("many thanks").heard("With pleasure.")
    before = page.locator("#process").inner_text()
    page.get_by_role("button", name="Kill the server").click()
    status = page.get_by_role("status").filter(has_text="Process")
    expect(status).to_contain_text("was killed")
    chat.say("when are you open")
    expect(status).to_contain_text("took over", timeout=90_000)

    expect(status).to_contain_text("All 2 messages are still here.")
    assert page.locator("#process").inner_text() != before
    chat.heard("Every day", times=1).heard("With pleasure.", times=1)
    assert "The server was killed. Starting it again." in (demo.project / "server.log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("ending", "status"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_the_server_ends_with_its_parent(trained_project: Path, tmp_path: Path, ending: int, status: int) -> None:
    """The server stops when its parent process gets SIGTERM or is killed."""
    project = tmp_path / "project"
    shutil.copytree(trained_project, project)
    running = ChatServer(project=project, arguments=("--demo",))
    running.start()
    assert running.process is not None
    os.kill(running.process.pid, ending)

    assert running.process.wait(60) == status
    wait_for(lambda: not listens(running.port), "the end of the server")

"""A page as people wrote it after the tutorials of the Rasa years, with nothing of ours in it, on another origin."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from journeys.pages import PAGES, TIMEOUT_MS, browse, libraries, received, wait_until, web_server
from support import newsletter
from support.once import trained
from support.processes import Server

Serve = Callable[..., Server]

HUMAN_PAUSE_MS = 2500
"""What a visitor needs to read, and the server to learn that a plain page has received what it was sent."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The example with `session_persistence: true` and ids that the page makes."""
    example = trained(newsletter.EXAMPLE, tmp_path_factory)
    with newsletter.actions_of(example) as url:
        yield newsletter.copied(example, tmp_path_factory.mktemp("tutorial-page") / "project", actions=url)


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """The pages, served from somewhere else than the bot."""
    libraries()
    with web_server(PAGES) as url:
        yield url


class Tab:
    """The tutorial's page in one tab."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.page.goto(address)
        self.page.wait_for_selector("body[data-confirmed]", state="attached")

    def say(self, text: str) -> None:
        """Type a message and send it."""
        self.page.fill("#msg", text)
        self.page.click("#form button")

    def expect(self, text: str) -> None:
        """Wait until the bot has said something with this in it."""
        wait_until(lambda: any(text in each for each in received(self.page)), self.page, repr(text))

    def click(self, title: str) -> None:
        """Click a quick reply."""
        self.page.click(f"#replies button:text-is('{title}')")


@pytest.mark.parametrize("client", ["4.1.3", pytest.param("newest", marks=pytest.mark.slow)])
def test_the_tutorials_journey(project: Path, origin: str, serve: Serve, client: str) -> None:
    """The whole form; two tabs; a crash in the middle of the form; a message typed while the server was down."""
    server = serve(project, "--cors", "*", "--enable-api")
    address = f"{origin}/tutorial.html?client={client}&server=http://localhost:{server.port}"

    def journey(browser: Browser) -> None:
        nonlocal server
        context = browser.new_context()
        first = Tab(context, address)
        session_id = first.page.evaluate("localStorage.RASA_SESSION_ID")
        assert session_id == first.page.evaluate("socket.id")
        assert first.page.evaluate("document.body.dataset.confirmed") == session_id

        first.say("hi")
        first.expect("the voice of The Allotment Letter")
        wait_until(lambda: first.page.locator("img").count() == 1, first.page, "the image")
        first.click("Blooming")
        first.expect("good to hear")
        first.click("Subscribe to the letter")
        first.expect("Which e-mail address")

        second = Tab(context, address)
        first.say("ada@example.org")
        for tab in (first, second):
            tab.expect("How often would you like it?")
        second.say("twice a week please")
        for tab in (first, second):
            tab.expect("when frost is coming?")

        # Every tab is closed, the server dies, and both come back. After a crash the last reply may come twice.
        second.page.wait_for_timeout(HUMAN_PAUSE_MS)
        first.page.close()
        second.page.close()
        server.stop(signal.SIGKILL)
        server = serve(project, "--cors", "*", "--enable-api", port=server.port)
        third = Tab(context, address)
        assert third.page.evaluate("document.body.dataset.confirmed") == session_id
        third.say("yes")
        third.expect("May I ask how old you are?")
        assert not [text for text in received(third.page) if "e-mail" in text or "How often" in text]

        # The server dies under an open page, and the visitor goes on typing.
        server.stop(signal.SIGKILL)
        wait_until(lambda: not third.page.evaluate("socket.connected"), third.page, "the loss of the connection")
        third.say("I'd rather not")
        server = serve(project, "--cors", "*", "--enable-api", port=server.port)
        third.expect("Done! The letter goes to ada@example.org, twice a week.")
        third.page.wait_for_timeout(1500)
        done = [text for text in received(third.page) if "Done!" in text]
        assert len(done) == 1, received(third.page)

        status, text = server.get(f"/conversations/{session_id}/tracker?include_events=ALL")
        assert status == 200
        said = [event["text"] for event in json.loads(text)["events"] if event["event"] == "user"]
        assert said.count("I'd rather not") == 1
        assert said.count("yes") == 1

    browse(journey)

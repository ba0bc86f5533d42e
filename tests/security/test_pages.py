"""The example site in a real Chromium, and texts of attackers on its page."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from journeys.pages import CHROMIUM, TIMEOUT_MS, libraries
from security.sites import AUTH, start, stop
from support.ports import free_port
from support.processes import listens, wait_for

EXAMPLE = Path(__file__).parents[2] / "examples/jwt_site"
SHARED = "a key that the shop and the bot share"

Open = Callable[[], BrowserContext]

expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="module")
def browsers() -> Iterator[Open]:
    """Opens browser contexts, each of which is a separate computer."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )

        def new() -> BrowserContext:
            context = browser.new_context(locale="en-GB", reduced_motion="reduce")
            context.set_default_timeout(TIMEOUT_MS)
            return context

        yield new
        browser.close()


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the example's two programs as its README does, without conversations; yield the shop's address."""
    port = free_port()
    address = f"http://localhost:{port}"
    os.environ["CHAT_KEY"] = SHARED
    bot = start(
        tmp_path_factory.mktemp("bot"), "--cors", address, credentials=(EXAMPLE / "credentials.yml").read_text()
    )
    environment = os.environ | {"CHAT_KEY": SHARED, "BOT_URL": bot.url, "PORT": str(port)}
    site = subprocess.Popen([sys.executable, str(EXAMPLE / "shop.py")], env=environment)
    wait_for(lambda: listens(port), "the shop")
    yield address
    del os.environ["CHAT_KEY"]
    site.kill()
    site.wait()
    stop(bot)


def log_in(page: Page, name: str, password: str) -> None:
    """Submit the login form."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def say(page: Page, text: str) -> None:
    """Send a message in the chat."""
    box = page.get_by_role("textbox")
    expect(page.locator("manent-chat [part~=panel]")).to_have_attribute("data-connection", "online")
    box.fill(text)
    box.press("Enter")


def test_log_in_talk_log_out(browsers: Open, shop: str) -> None:
    """The next visitor in the same browser sees no messages. The first visitor sees all of them in another browser."""
    page = browsers().new_page()
    page.goto(shop)
    log_in(page, "ada", "wrong")
    expect(page.get_by_role("alert")).to_have_text("wrong name or password")
    log_in(page, "ada", "lovelace")
    say(page, "I am Ada")
    log = page.get_by_role("log")
    expect(log).to_contain_text("Hello, Ada.")
    page.reload()
    expect(log).to_contain_text("Hello, Ada.")
    page.get_by_role("button", name="Log out").click()

    log_in(page, "bob", "builder")
    say(page, "hello")
    expect(log).to_contain_text("Hello.")
    assert "Ada" not in log.inner_text()
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "Ada" not in stored
    assert "eyJ" not in stored  # no token is kept

    elsewhere = browsers().new_page()
    elsewhere.goto(shop)
    log_in(elsewhere, "ada", "lovelace")
    expect(elsewhere.get_by_role("log")).to_contain_text("Hello, Ada.")


def test_page_of_ones_own_with_one_changed_line(browsers: Open, shop: str) -> None:
    """A plain socket.io page with `auth: {token}` shares the conversation with the chat of the same person.

    What the bot said in the chat no plain page has received yet: it comes first.
    """
    page = browsers().new_page()
    library = libraries() / "socket.io-client-newest/dist/socket.io.min.js"
    page.route("https://cdn.socket.io/**", lambda route: route.fulfill(path=library))
    page.goto(shop)
    log_in(page, "bob", "builder")
    say(page, "hello")
    expect(page.get_by_role("log")).to_contain_text("Hello.")
    page.goto(f"{shop}/plain")
    expect(page.locator("#log")).to_have_text("Hello.")
    page.get_by_label("Message").fill("count")
    page.get_by_role("button", name="Send").click()

    expect(page.locator("#log")).to_have_text("Hello.You: countOne.Two.")

    elsewhere = browsers().new_page()
    elsewhere.goto(shop)
    log_in(elsewhere, "bob", "builder")
    expect(elsewhere.get_by_role("log")).to_contain_text("One.")
    say(elsewhere, "hello")
    expect(page.locator("#log")).to_have_text("Hello.You: countOne.Two.Hello.")  # the same conversation, live on both


ATTACK = "<img src=x onerror=\"window.caught='text'\"><script>window.caught='script'</script>"
EVENTS = [
    {"event": "bot", "text": f"{ATTACK} [link](javascript:window.caught='link')"},
    {
        "event": "bot",
        "text": "Choose",
        "data": {"buttons": [{"title": ATTACK, "payload": "/greet"}, {"title": "u", "url": "javascript:caught=1"}]},
    },
    {"event": "bot", "text": "", "data": {"image": "javascript:window.caught='image'"}},
    {"event": "bot", "text": "", "data": {"image": "x\" onerror=\"window.caught='attribute'"}},
    {"event": "bot", "text": "", "data": {"attachment": {"type": "video", "payload": {"src": "javascript:caught=2"}}}},
    {"event": "bot", "text": "", "data": {"custom": {"text": ATTACK, ATTACK: [ATTACK], "room": "x", "html": ATTACK}}},
]


def test_what_attackers_write_is_shown_as_they_wrote_it(browsers: Open, tmp_path: Path) -> None:
    """Markup in texts, titles, image addresses, custom JSON and slots is shown as text, and its scripts never run."""
    site = start(tmp_path, "--enable-api", "--auth-token", AUTH, credentials="rest:\nsocketio:\n")
    try:
        page = browsers().new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(site.url)
        say(page, ATTACK)
        say(page, '/name{"who": "<b onclick=\'x\'>{who} {slots} {0.real}</b>"}')
        log = page.get_by_role("log")
        expect(log).to_contain_text("<b onclick='x'>{who} {slots} {0.real}</b>")
        session = page.evaluate("document.querySelector('manent-chat').sessionId")
        with httpx.Client(headers={"Authorization": f"Bearer {AUTH}"}) as http:
            for event in EVENTS:
                answer = http.post(f"{site.url}/conversations/{session}/tracker/events", json=event)
                assert answer.status_code == 200, answer.text
        expect(log).to_contain_text("Choose")
        page.reload()
        expect(log.get_by_role("button", name=ATTACK).first).to_be_visible()
        hostile = log.evaluate(
            "log => [...log.querySelectorAll('*')].filter(one => one.tagName === 'SCRIPT'"
            " || [...one.attributes].some(({name, value}) => name.startsWith('on') || /^javascript:/i.test(value)))"
            ".map(one => one.outerHTML)"
        )

        assert hostile == []
        assert page.evaluate("window.caught") is None
        assert errors == []
    finally:
        stop(site)

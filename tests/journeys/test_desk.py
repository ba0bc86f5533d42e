"""A visitor in the middle of a form asks for a person: two browsers, two servers, one PostgreSQL, and a crash."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from browser.wire import Wire
from journeys.conftest import copied
from journeys.pages import browse, wait_until
from support.once import trained
from support.platforms.telegram import Telegram
from support.postgres import Cluster, programs, running
from support.processes import Server, manent

EXAMPLE = Path(__file__).parents[2] / "examples/handoff"
TIMEOUT_MS = 60_000


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL."""
    bin_folder = programs()
    if bin_folder is None:
        pytest.skip("needs PostgreSQL (apt install postgresql)")
    with running(bin_folder) as found:
        yield found


class Visitor:
    """The web chat of a visitor."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.log = page.get_by_role("log")

    def say(self, text: str) -> None:
        """Write a message."""
        box = self.page.get_by_role("textbox", name="Write a message")
        box.fill(text)
        box.press("Enter")

    def sees(self, text: str, times: int = 1) -> Locator:
        """Wait until messages of the bot or an operator contain a text that often."""
        found = self.log.locator("[part~=bot], [part~=agent]").filter(has_text=text)
        expect(found).to_have_count(times)
        return found


def sign_in(page: Page, project: Path, port: int) -> None:
    """Invite an operator, open the link and press its button."""
    done = manent("desk", "invite", "Ada", "--role", "operator", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    path = re.search(r"/desk/join\S*", done.stdout)
    assert path is not None, done.stdout
    page.goto(f"http://127.0.0.1:{port}{path.group()}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Nobody is waiting.")).to_be_visible()


@pytest.mark.slow  # it measures times with two browsers, which needs a quiet machine
def test_a_person_takes_over_in_the_middle_of_a_form(
    cluster: Cluster, serve: Callable[..., Server], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nothing is lost and nothing comes twice, although the operator's server is killed; then the form continues."""
    project = copied(trained(EXAMPLE, tmp_path_factory), tmp_path / "project")
    store = f"tracker_store:\n  type: SQL\n  url: {cluster.new_database()}\n"
    endpoints = project / "endpoints.yml"
    endpoints.write_text(endpoints.read_text() + store)
    other = copied(project, tmp_path / "other")
    for_visitors, for_operators = serve(project), serve(other)

    def scenario(browser: Browser) -> None:
        expect.set_options(timeout=TIMEOUT_MS)
        pages = [browser.new_context(locale="en-GB").new_page() for _ in range(2)]
        for page in pages:
            page.set_default_timeout(TIMEOUT_MS)
        visitor, desk = Visitor(pages[0]), pages[1]
        wire = Wire()
        wire.listen(visitor.page)
        sign_in(desk, other, for_operators.port)

        def is_known() -> bool:
            answer = desk.request.get(f"http://127.0.0.1:{for_visitors.port}/desk/api/v1/members")
            return any(member["present"] for member in answer.json()["members"])

        wait_until(is_known, desk, "the operator's presence on the visitors' server")
        visitor.page.goto(f"http://127.0.0.1:{for_visitors.port}/")
        visitor.say("my bicycle is broken")
        visitor.sees("On which day")
        began = time.monotonic()
        visitor.say("I want to talk to a person")
        desk.get_by_role("region", name="Conversations").get_by_role("listitem").get_by_role("button").click()
        took = time.monotonic() - began
        expect(visitor.log.get_by_text("You are waiting for a person.")).to_be_visible()
        expect(desk.get_by_text("appointment_form")).to_be_visible()
        expect(desk.get_by_text("The bot asks for day")).to_be_visible()
        desk.keyboard.press("t")
        expect(desk.get_by_text("You answer")).to_be_visible()
        expect(visitor.log.get_by_text("Ada joined")).to_be_visible()

        reply = desk.locator("#reply")
        reply.press_sequentially("Good morning!")
        expect(visitor.log.get_by_text("Ada is typing")).to_be_attached()
        reply.press("Enter")
        visitor.sees("Good morning!")
        visitor.page.get_by_role("textbox", name="Write a message").press_sequentially("Can you")
        expect(desk.get_by_text("The visitor is typing")).to_be_attached()
        visitor.say("Can you fetch it?")
        expect(desk.get_by_role("log").get_by_text("Can you fetch it?")).to_have_count(1)

        reply.press_sequentially("Yes, we can")
        for_operators.process.kill()
        for_operators.process.wait()
        visitor.say("It is at the station.")
        expect(desk.get_by_text("No connection.")).to_be_visible()
        reply.press_sequentially(" fetch it on Friday.")
        reply.press("Enter")
        expect(desk.get_by_role("img", name="Sending")).to_be_visible()
        serve(other, port=for_operators.port)
        visitor.sees("Yes, we can fetch it on Friday.")
        expect(desk.get_by_role("img", name="Sending")).to_have_count(0)
        expect(desk.get_by_role("log").get_by_text("It is at the station.")).to_have_count(1)
        expect(desk.get_by_role("log").get_by_text("Yes, we can fetch it on Friday.")).to_have_count(1)

        desk.get_by_role("button", name="Hand back").click()
        desk.get_by_role("dialog").get_by_role("button", name="Hand back").click()
        expect(visitor.log.get_by_text("Ada left")).to_be_visible()
        expect(desk.get_by_text("The bot answers")).to_be_visible()
        visitor.say("Friday")
        visitor.sees("We expect your bicycle on Friday.")

        visitor.say("I want to talk to a person")
        desk.get_by_role("button", name="Take", exact=True).click()
        desk.get_by_role("button", name="Close", exact=True).click()
        desk.get_by_role("dialog").get_by_role("button", name="Close conversation").click()
        visitor.page.get_by_role("radio", name="5/5").check(force=True)
        visitor.page.get_by_role("textbox", name="Comment").fill("Kind and quick")
        visitor.page.get_by_role("textbox", name="Comment").press("Enter")
        expect(desk.get_by_text("The visitor gave 5 of 5 “Kind and quick”")).to_be_visible()
        visitor.page.reload()
        expect(visitor.log.locator("[part~=message]").last).to_contain_text("I'll get a person")

        script = """log => [...log.querySelectorAll('[part~=message]')].map(message =>
          message.querySelector('.bubble, .text').innerText.trim())"""
        assert visitor.log.evaluate(script) == [
            "my bicycle is broken",
            "On which day, from Monday to Friday?",
            "I want to talk to a person",
            "I'll get a person from the workshop. You can keep writing here.",
            "Good morning!",
            "Can you fetch it?",
            "It is at the station.",
            "Yes, we can fetch it on Friday.",
            "Friday",
            "We expect your bicycle on Friday.",
            "I want to talk to a person",
            "I'll get a person from the workshop. You can keep writing here.",
        ]
        assert wire.mistakes() == []
        of_operators = {"AgentMessage", "AgentSaid", "AgentTyping", "HandlerChanged", "Operator", "Rate", "UserTyping"}
        unseen = {field for field in wire.unseen() if field.split(".")[0] in of_operators}
        assert unseen == {"Operator.avatar", "Rate.session_token", "Rate.of", "UserTyping.session_token"}
        print(f"the operator saw the request after {took:.2f} s")  # noqa: T201  # read with -rP
        assert took < 1

    browse(scenario)


class Phone:
    """A visitor on Telegram."""

    def __init__(self, telegram: Telegram, server: Server) -> None:
        self.telegram = telegram
        self.server = server
        self.count = 0

    def say(self, text: str) -> None:
        """Write a message. Telegram sends it to the server."""
        self.count += 1
        hook = self.telegram.text("42", text, str(self.count))
        url = f"http://127.0.0.1:{self.server.port}/webhooks/telegram/webhook"
        assert httpx.post(url, content=hook.body, headers=hook.headers, timeout=60).status_code == 200

    def sees(self, text: str, page: Page) -> None:
        """Wait until the newest message has this text."""
        wait_until(lambda: self.telegram.shown("42")[-1:] == [text], page, text)


@pytest.mark.slow  # two servers, PostgreSQL and a browser
async def test_a_person_takes_over_from_a_visitor_on_telegram(
    cluster: Cluster, serve: Callable[..., Server], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As in the web chat: nothing is lost and nothing comes twice, although the operator's server is killed."""
    telegram = Telegram()
    async with telegram.running():
        await asyncio.to_thread(_play_on_telegram, telegram, cluster, serve, tmp_path, tmp_path_factory)
    assert telegram.rejected == []


def _play_on_telegram(
    telegram: Telegram,
    cluster: Cluster,
    serve: Callable[..., Server],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    project = copied(trained(EXAMPLE, tmp_path_factory), tmp_path / "project")
    endpoints = project / "endpoints.yml"
    endpoints.write_text(f"{endpoints.read_text()}tracker_store:\n  type: SQL\n  url: {cluster.new_database()}\n")
    (project / "credentials.yml").write_text(telegram.credentials())
    other = copied(project, tmp_path / "other")
    for_visitors, for_operators = serve(project), serve(other)
    phone = Phone(telegram, for_visitors)

    def scenario(browser: Browser) -> None:
        expect.set_options(timeout=TIMEOUT_MS)
        desk = browser.new_context(locale="en-GB").new_page()
        desk.set_default_timeout(TIMEOUT_MS)
        sign_in(desk, other, for_operators.port)
        wait_until(lambda: bool(telegram.webhook), desk, "the webhook")

        def is_known() -> bool:
            answer = desk.request.get(f"http://127.0.0.1:{for_visitors.port}/desk/api/v1/members")
            return any(member["present"] for member in answer.json()["members"])

        wait_until(is_known, desk, "the operator's presence on the visitors' server")
        phone.say("my bicycle is broken")
        phone.sees("On which day, from Monday to Friday?", desk)
        phone.say("I want to talk to a person")
        desk.get_by_role("region", name="Conversations").get_by_role("listitem").get_by_role("button").click()
        expect(desk.get_by_text("appointment_form")).to_be_visible()
        expect(desk.get_by_text("The bot asks for day")).to_be_visible()
        phone.sees("I'll get a person from the workshop. You can keep writing here.", desk)
        desk.keyboard.press("t")
        expect(desk.get_by_text("You answer")).to_be_visible()

        reply = desk.locator("#reply")
        reply.fill("Good morning!")
        reply.press("Enter")
        phone.sees("Good morning!", desk)
        phone.say("Can you fetch it?")
        expect(desk.get_by_role("log").get_by_text("Can you fetch it?")).to_have_count(1)

        reply.press_sequentially("Yes, we can")
        for_operators.process.kill()
        for_operators.process.wait()
        phone.say("It is at the station.")
        expect(desk.get_by_text("No connection.")).to_be_visible()
        reply.press_sequentially(" fetch it on Friday.")
        reply.press("Enter")
        expect(desk.get_by_role("img", name="Sending")).to_be_visible()
        serve(other, port=for_operators.port)
        phone.sees("Yes, we can fetch it on Friday.", desk)
        expect(desk.get_by_role("img", name="Sending")).to_have_count(0)
        expect(desk.get_by_role("log").get_by_text("It is at the station.")).to_have_count(1)
        expect(desk.get_by_role("log").get_by_text("Yes, we can fetch it on Friday.")).to_have_count(1)

        desk.get_by_role("button", name="Hand back").click()
        desk.get_by_role("dialog").get_by_role("button", name="Hand back").click()
        expect(desk.get_by_text("The bot answers")).to_be_visible()
        phone.say("Friday")
        phone.sees("We expect your bicycle on Friday.", desk)

    browse(scenario)
    assert telegram.shown("42") == [
        "On which day, from Monday to Friday?",
        "I'll get a person from the workshop. You can keep writing here.",
        "Good morning!",
        "Yes, we can fetch it on Friday.",
        "We expect your bicycle on Friday.",
    ]

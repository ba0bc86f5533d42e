"""A chat whose branding is configured only in `credentials.yml`, on the hosted page and on another site."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.axe import violations
from browser.chat import Chat
from browser.servers import ChatServer
from browser.sites import Site

WEB_CHAT = """
  web_chat:
    title: Corner Bakery
    subtitle: Fresh since 1987
    greeting: Good morning! What may we bake for you?
    suggestions:
      - Do you have rye bread?
      - {title: Opening hours, payload: /ask_hours}
    colours: {accent: "#ffcc00", user-background: "#7a2e1d"}
    radius: 2px
    words: {send: Off it goes}
"""


@pytest.fixture(scope="module")
def bakery(trained_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """A server with a branded web chat."""
    project = tmp_path_factory.mktemp("bakery") / "project"
    shutil.copytree(trained_project, project)
    with (project / "credentials.yml").open("a") as file:
        file.write(WEB_CHAT)
    running = ChatServer(project=project, arguments=("--cors", "*"))
    running.start()
    yield running
    running.stop()


def colour(page: Page, selector: str, name: str) -> str:
    """Return a computed style in the chat."""
    found: str = page.locator(selector).evaluate("(element, name) => getComputedStyle(element)[name]", name)
    return found


def test_the_hosted_page(page: Page, bakery: ChatServer) -> None:
    """Title, greeting, suggestions, texts, colours and corners are the configured ones. The logo is a letter."""
    chat = Chat(page).open(bakery.url)
    expect(page).to_have_title("Corner Bakery")
    expect(page.get_by_role("heading", name="Corner Bakery")).to_be_visible()
    expect(page.get_by_text("Fresh since 1987")).to_be_visible()
    expect(page.get_by_text("What may we bake for you?")).to_be_visible()
    assert page.locator("manent-chat .mark").count() == 0
    assert violations(page) == []
    chat.log.get_by_role("button", name="Opening hours").click()
    chat.said("Opening hours").heard("Every day")

    expect(chat.log.get_by_role("button", name="Do you have rye bread?")).to_have_count(0)
    chat.box.fill("thanks")
    send = page.get_by_role("button", name="Off it goes")
    expect(send).to_be_enabled()
    assert colour(page, "manent-chat [part=send]", "backgroundColor") == "rgb(255, 204, 0)"
    assert colour(page, "manent-chat [part=send]", "color") == "rgb(0, 0, 0)"
    assert colour(page, "manent-chat [part=bubble]", "color") == "rgb(255, 255, 255)"
    assert float(colour(page, "manent-chat [part=send]", "borderTopLeftRadius").removesuffix("px")) < 4
    assert violations(page) == []


def test_a_chat_on_another_site(page: Page, bakery: ChatServer, site: Site) -> None:
    """The loader applies the branding before the chat is loaded. Attributes of the page take precedence."""
    encodings: dict[str, str] = {}
    page.on("response", lambda found: encodings.update({found.url: found.headers.get("content-encoding", "")}))
    script = f'<script type="module" src="{bakery.url}webchat/manent-chat.js"></script>'
    page.goto(site.page("/", f'{script}<manent-chat subheading="On our shop page"></manent-chat>'))
    launcher = page.get_by_role("button", name="Corner Bakery")
    expect(launcher).to_be_visible()
    assert colour(page, "manent-chat [part=launcher]", "backgroundColor") == "rgb(255, 204, 0)"
    launcher.click()
    Chat(page).connected()

    assert encodings[f"{bakery.url}webchat/manent-chat.js"] == "br"
    expect(page.get_by_text("On our shop page")).to_be_visible()
    expect(page.get_by_text("What may we bake for you?")).to_be_visible()


def test_attributes_do_the_same(page: Page, server: ChatServer, site: Site) -> None:
    """A page can set the same branding with attributes, on a server without `web_chat`."""
    script = f'<script type="module" src="{server.url}webchat/manent-chat.js"></script>'
    look = 'colors="accent: #ffcc00; radius: 2px" greeting="Hello from here" suggestions="Hours|Prices"'
    page.goto(
        site.page("/", f'{script}<manent-chat heading="Shop" open {look} words=\'{{"send": "Go"}}\'></manent-chat>')
    )
    Chat(page).connected()

    expect(page.get_by_text("Hello from here")).to_be_visible()
    expect(page.get_by_role("button", name="Prices")).to_be_visible()
    expect(page.get_by_role("button", name="Go", exact=True)).to_be_visible()
    assert colour(page, "manent-chat [part=launcher]", "backgroundColor") == "rgb(255, 204, 0)"

"""The studio, the page for site owners."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browser.axe import violations
from browser.chat import Chat
from browser.servers import ChatServer


@pytest.fixture
def api_server(trained_project: Path, tmp_path: Path) -> Iterator[ChatServer]:
    """A server with the management API."""
    project = tmp_path / "project"
    shutil.copytree(trained_project, project)
    running = ChatServer(project=project, arguments=("--enable-api",))
    running.start()
    yield running
    running.stop()


def test_options_change_the_preview_and_the_code(page: Page, api_server: ChatServer) -> None:
    """Each option changes the preview at once, and the code to copy."""
    page.goto(f"{api_server.url}webchat/studio")
    page.get_by_label("Heading", exact=True).fill('Ada & "Co"')
    page.get_by_label("Accent colour", exact=True).fill("#225522")
    page.get_by_label("Layout").select_option("fill")
    expect(page.get_by_role("region", name='Ada & "Co"')).to_be_visible()
    chat = Chat(page).connected()
    page.get_by_role("textbox", name="Write a message").fill("many thanks")
    page.get_by_role("textbox", name="Write a message").press("Enter")
    chat.heard("With pleasure.")

    assert violations(page) == []
    code = page.locator("#code").inner_text()
    assert '<manent-chat heading="Ada &amp; &quot;Co&quot;" layout="fill"></manent-chat>' in code
    assert "--manent-accent: #225522;" in code
    assert f'src="{api_server.url}webchat/manent-chat.js"' in code


def test_options_start_with_the_branding_of_the_server(page: Page, trained_project: Path, tmp_path: Path) -> None:
    """The fields and the preview have the values of `web_chat`, and the code has only other values."""
    project = tmp_path / "project"
    shutil.copytree(trained_project, project)
    look = "{title: Corner Bakery, colours: {accent: '#ffcc00'}, theme: dark, language: de en, tone: informal}"
    with (project / "credentials.yml").open("a") as file:
        file.write(f"  web_chat: {look}\n")
    running = ChatServer(project=project, arguments=("--enable-api",))
    running.start()
    try:
        page.goto(f"{running.url}webchat/studio")
        Chat(page).connected()
        expect(page.get_by_label("Heading", exact=True)).to_have_attribute("placeholder", "Corner Bakery")
        expect(page.get_by_label("Accent colour", exact=True)).to_have_value("#ffcc00")
        expect(page.get_by_label("Colour scheme")).to_have_value("dark")
        expect(page.get_by_label("Language")).to_have_value("de en")
        expect(page.get_by_label("Tone")).to_have_value("informal")
        accent = "element => getComputedStyle(element).getPropertyValue('--manent-accent').trim()"
        assert page.locator("manent-chat").evaluate(accent) == "#ffcc00"
        assert "<manent-chat></manent-chat>" in page.locator("#code").inner_text()
        page.get_by_label("Colour scheme").select_option("light")
        assert '<manent-chat theme="light"></manent-chat>' in page.locator("#code").inner_text()
    finally:
        running.stop()


def test_it_fits_on_a_phone(open_context: Callable[..., BrowserContext], api_server: ChatServer) -> None:
    """At 390 pixels, the page does not scroll sideways, and axe finds no violation."""
    page = open_context(viewport={"width": 390, "height": 800}).new_page()
    page.goto(f"{api_server.url}webchat/studio")
    Chat(page).connected()

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert violations(page) == []


def test_it_is_closed_without_the_management_api(page: Page, server: ChatServer) -> None:
    """Without the management API, the server has neither the studio nor its files."""
    for path in ("studio", "studio.html", "studio.js", "studio.css"):
        answer = page.request.get(f"{server.url}webchat/{path}")

        assert answer.status == 404, path


def test_the_code_is_copied(page: Page, api_server: ChatServer) -> None:
    """The button copies the code, and the page complies with its content security policy."""
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security" in said.text else None)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{api_server.url}webchat/studio")
    expect(page.get_by_role("textbox", name="Write a message")).to_be_visible()  # the preview is there
    page.get_by_label("Heading", exact=True).fill("Ask us")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied")).to_be_visible()

    assert '<manent-chat heading="Ask us">' in page.evaluate("navigator.clipboard.readText()")
    assert refused == []

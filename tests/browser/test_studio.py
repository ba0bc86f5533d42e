"""The page for site owners."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

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
    """What an owner chooses is seen at once, works, and stands in the code to copy."""
    page.goto(f"{api_server.url}webchat/studio.html")
    page.get_by_label("Heading").fill('Ada & "Co"')
    page.get_by_label("Accent", exact=True).fill("#225522")
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


def test_it_is_closed_without_the_management_api(page: Page, server: ChatServer) -> None:
    """A public server shows no studio."""
    page.goto(f"{server.url}webchat/studio.html")

    expect(page.get_by_text("The studio is served by")).to_be_visible()
    expect(page.locator("manent-chat")).to_have_count(0)

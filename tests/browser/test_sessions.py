"""A session that has expired: the past stays on the page."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.chat import Chat
from browser.servers import ChatServer
from once import train

EXPIRES_AFTER_S = 0.6


@pytest.fixture
def hasty_server(trained_project: Path, tmp_path: Path) -> Iterator[ChatServer]:
    """A server whose sessions expire within a second."""
    project = tmp_path / "project"
    shutil.copytree(trained_project, project)
    domain = project / "domain.yml"
    minutes = f"session_expiration_time: {EXPIRES_AFTER_S / 60}"
    domain.write_text(re.sub(r"session_expiration_time: \d+", minutes, domain.read_text()))
    train(project)
    running = ChatServer(project=project)
    running.start()
    yield running
    running.stop()


def test_after_expiry_the_past_stands_above_a_divider(page: Page, hasty_server: ChatServer) -> None:
    """All of the old session is there, a divider, the form is gone, and a reload shows the same."""
    chat = Chat(page).open(hasty_server.url)
    chat.say("book a table").heard("For how many people?")
    page.wait_for_function(f"start => performance.now() > start + {EXPIRES_AFTER_S * 1000 + 100}", arg=_now(page))
    chat.say("many thanks").heard("With pleasure.")

    expect(chat.log.get_by_text("Picked up again")).to_be_visible()
    assert chat.lines() == [
        "> book a table",
        "For how many people? / Two / Four",
        "> many thanks",
        "With pleasure.",
    ]
    chat.reload().heard("With pleasure.")
    expect(chat.log.get_by_text("Picked up again")).to_have_count(1)


def _now(page: Page) -> float:
    return float(page.evaluate("performance.now()"))

"""Expired sessions: their messages stay on the page."""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browser.chat import Chat
from browser.servers import ChatServer
from support.once import train

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
    """The old session's messages are above a divider, also after a reload, and its form has ended."""
    chat = Chat(page).open(hasty_server.url)
    chat.say("book a table").heard("For how many people?")
    page.wait_for_function(f"start => performance.now() > start + {EXPIRES_AFTER_S * 1000 + 100}", arg=_now(page))
    chat.say("many thanks").heard("With pleasure.")

    expect(chat.log.get_by_text("Conversation resumed")).to_be_visible()
    assert chat.lines() == [
        "> book a table",
        "For how many people? / Two / Four",
        "> many thanks",
        "With pleasure.",
    ]
    chat.reload().heard("With pleasure.")
    expect(chat.log.get_by_text("Conversation resumed")).to_have_count(1)


def _now(page: Page) -> float:
    return float(page.evaluate("performance.now()"))


WEEK_S = 7 * 24 * 3600.0


def test_a_week_later(
    page: Page, trained_project: Path, tmp_path: Path, open_context: Callable[..., BrowserContext]
) -> None:
    """After a week, the old messages have their date, a divider follows, slots are kept, and the form has ended."""
    project = tmp_path / "project"
    shutil.copytree(trained_project, project)
    running = ChatServer(project=project)
    running.start()
    try:
        chat = Chat(page).open(running.url)
        chat.say("book a table").heard("For how many people?").click("Four").heard("And your name, please?")
        stored = page.context.storage_state()
        page.close()
        running.kill()
        _move_clock(running, tmp_path / "clock")
        running.start()

        later = open_context(storage_state=stored).new_page()
        later.clock.set_system_time(time.time() + WEEK_S)
        again = Chat(later).open(running.url).heard("And your name, please?")
        again.say("many thanks").heard("With pleasure.")
        expect(again.log.get_by_text("Conversation resumed")).to_be_visible()
        expect(again.log.get_by_text("Today")).to_be_visible()
        again.say("book a table").heard("And your name, please?", times=2)
        again.say("Ada").heard("A table for 4, Ada. See you soon!")
        assert [line for line in again.lines() if line.startswith(">")] == [
            "> book a table",
            "> Four",
            "> many thanks",
            "> book a table",
            "> Ada",
        ]
    finally:
        running.kill()


def _move_clock(server: ChatServer, folder: Path) -> None:
    """Move the clock of the server's next process forward by a week."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"import time\nreal = time.time\ntime.time = lambda: real() + {WEEK_S}\n")
    server.environment["PYTHONPATH"] = f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"

"""A whole conversation in Firefox, with Debian's `firefox-esr` (`FIREFOX` names another)."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from browser.firefox import Tab, firefox
from browser.servers import ChatServer

FIREFOX = Path(os.environ.get("FIREFOX", "/usr/bin/firefox-esr"))
ENTER = "\ue007"
LOG = "document.querySelector('manent-chat')?.shadowRoot.querySelector('[role=log]')"
CONNECTED = "document.querySelector('manent-chat')?.shadowRoot.querySelector('[data-connection=online]')"

FOCUS = "document.querySelector('manent-chat').focus()"
"""A machine without a mouse may have a keyboard on its screen: the page leaves the focus alone there."""


@pytest.mark.slow
@pytest.mark.skipif(not FIREFOX.exists(), reason="apt-get install firefox-esr")
def test_a_form_a_reload_and_a_crash(server: ChatServer, tmp_path: Path) -> None:
    """The form works by keyboard, a reload keeps the conversation, and a message to a killed server is sent once."""
    with firefox(FIREFOX, tmp_path) as tab:
        heard = _hearing(tab)
        tab.goto(server.url)
        tab.wait_for(CONNECTED)
        tab.evaluate(FOCUS)
        tab.press(f"hello{ENTER}")
        heard("What can I do for you?")
        tab.press(f"book a table{ENTER}")
        heard("For how many people?")
        tab.press(f"4{ENTER}")
        heard("And your name, please?")

        tab.goto(server.url)
        heard("And your name, please?")
        tab.wait_for(CONNECTED)
        tab.evaluate(FOCUS)
        server.kill()
        tab.wait_for(f"!{CONNECTED}")
        tab.press(f"Ada{ENTER}")
        server.start()
        heard("A table for 4, Ada. See you soon!")

        said = tab.evaluate(f"[...{LOG}.querySelectorAll('.bubble')].map(bubble => bubble.innerText).join('|')")
        assert said == "hello|book a table|4|Ada"


def _hearing(tab: Tab) -> Callable[[str], None]:
    return lambda text: tab.wait_for(f"{LOG}?.innerText.includes({text!r})")

"""A whole conversation in WebKit, with Debian's WebKitGTK."""

from pathlib import Path

import pytest

from browser.servers import ChatServer
from browser.webkit import DRIVER, XVFB, browser, webkit

ENTER = "\ue007"
LOG = "document.querySelector('manent-chat')?.shadowRoot?.querySelector('[role=log]')"
CONNECTED = "document.querySelector('manent-chat')?.shadowRoot?.querySelector('[data-connection=online]')"
FOCUS = "document.querySelector('manent-chat').focus()"


@pytest.mark.slow
@pytest.mark.skipif(
    not (DRIVER.exists() and XVFB.exists() and browser()), reason="apt-get install webkit2gtk-driver xvfb"
)
def test_a_form_a_reload_and_a_crash(server: ChatServer, tmp_path: Path) -> None:
    """The form works by keyboard, a reload keeps the conversation, and a message to a killed server is sent once."""
    with webkit(tmp_path) as window:

        def heard(text: str) -> None:
            window.wait_for(f"{LOG}?.innerText.includes({text!r})")

        window.goto(server.url)
        window.wait_for(CONNECTED)
        window.evaluate(FOCUS)
        window.press(f"hello{ENTER}")
        heard("What can I do for you?")
        window.press(f"book a table{ENTER}")
        heard("For how many people?")
        window.press(f"4{ENTER}")
        heard("And your name, please?")

        window.goto(server.url)
        heard("And your name, please?")
        window.wait_for(CONNECTED)
        window.evaluate(FOCUS)
        server.kill()
        window.wait_for(f"!{CONNECTED}")
        window.press(f"Ada{ENTER}")
        server.start()
        heard("A table for 4, Ada. See you soon!")

        said = window.evaluate(f"[...{LOG}.querySelectorAll('.bubble')].map(bubble => bubble.innerText).join('|')")
        assert said == "hello|book a table|4|Ada"

"""The chat as a visitor uses it: tests find elements by role and text."""

from typing import Self

from playwright.sync_api import Locator, Page, expect


class Chat:
    """One open chat."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if "Content Security" in said.text else None)

    def open(self, url: str) -> Self:
        """Open the page and wait until it is connected."""
        self.page.goto(url)
        return self.connected()

    def reload(self) -> Self:
        """Load the page again."""
        self.page.reload()
        return self.connected()

    def connected(self) -> Self:
        """Wait for the connection. The page tries to connect at least every ten seconds."""
        expect(self.panel).to_have_attribute("data-connection", "online")
        return self

    def disconnected(self) -> Self:
        """Wait until the page shows that it is not connected."""
        expect(self.panel).not_to_have_attribute("data-connection", "online")
        return self

    @property
    def panel(self) -> Locator:
        """The element that contains the whole chat."""
        return self.page.locator("manent-chat [part~=panel]")

    @property
    def log(self) -> Locator:
        """The conversation."""
        return self.page.get_by_role("log")

    @property
    def box(self) -> Locator:
        """The text field."""
        return self.page.get_by_role("textbox")

    def say(self, text: str) -> Self:
        """Type a text and press Enter."""
        self.box.fill(text)
        self.box.press("Enter")
        return self

    def click(self, name: str) -> Self:
        """Press a button of the conversation."""
        self.log.get_by_role("button", name=name, exact=True).last.click()
        return self

    def menu(self, name: str) -> Self:
        """Choose an entry of the menu."""
        self.page.get_by_role("button", name="Menu").click()
        self.page.get_by_role("menuitem", name=name).click()
        return self

    def heard(self, text: str, times: int = 1) -> Self:
        """Wait until the conversation has this number of bot messages with the text."""
        expect(self.log.locator("[part~=bot]").filter(has_text=text)).to_have_count(times)
        return self

    def said(self, text: str, times: int = 1) -> Self:
        """Wait until the conversation has this number of visitor messages with the text."""
        expect(self.log.locator("[part~=user]").filter(has_text=text)).to_have_count(times)
        return self

    def lines(self) -> list[str]:
        """Return the visible text of each message, in order, with `> ` before the visitor's."""
        script = """log => [...log.querySelectorAll('[part~=message]')].map(message => {
            const pieces = message.querySelectorAll('.text, .bubble, .buttons button span');
            const words = [...pieces].map(piece => piece.innerText.trim());
            return (message.part.contains('user') ? '> ' : '') + words.join(' / ');
        })"""
        return list(self.log.evaluate(script))

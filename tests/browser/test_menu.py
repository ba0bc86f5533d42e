"""What opens over the conversation: it goes away by itself, fits in low windows, and gives the focus back."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from browser.chat import Chat
from browser.servers import ChatServer


def test_the_menu_closes_when_the_visitor_turns_to_something_else(chat: Chat) -> None:
    """A click beside it, writing, and a message that the page sends; the focus stays where the visitor put it."""
    page = chat.page
    menu = page.get_by_role("menu")
    button = page.get_by_role("button", name="Menu")
    button.click()
    expect(menu).to_be_visible()
    page.mouse.click(200, 400)
    expect(menu).to_have_count(0)

    button.click()
    chat.box.focus()
    expect(menu).to_have_count(0)
    expect(chat.box).to_be_focused()

    button.click()
    page.evaluate("document.querySelector('manent-chat').send('many thanks')")
    expect(menu).to_have_count(0)

    button.click()
    expect(menu).to_be_visible()
    button.click()
    expect(menu).to_have_count(0)
    expect(button).to_be_focused()

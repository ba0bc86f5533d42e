"""Menus and dialogs over the conversation: they close automatically, fit in low windows, and restore the focus."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from browser.chat import Chat
from browser.servers import ChatServer


def test_the_menu_closes_when_the_visitor_turns_to_something_else(chat: Chat) -> None:
    """A click beside the menu, typing and a message from the page close it without moving the focus."""
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


@pytest.mark.parametrize(("width", "height"), [(320, 256), (640, 260)])
def test_every_entry_of_the_menu_can_be_reached_in_a_low_window(
    open_context: Callable[..., BrowserContext], server: ChatServer, width: int, height: int
) -> None:
    """The menu ends above the window's edge and scrolls."""
    context = open_context(viewport={"width": width, "height": height})
    chat = Chat(context.new_page()).open(server.url)
    chat.page.get_by_role("button", name="Menu").click()
    box = chat.page.get_by_role("menu").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= height
    last = chat.page.get_by_role("menu").locator("button").last
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport(ratio=1)


def test_one_goes_on_by_writing(chat: Chat) -> None:
    """After removing, dismissing or starting a conversation, the text field has the focus."""
    page = chat.page
    chat.say("x" * 64_001)
    chat.log.get_by_role("button", name="Edit").click()
    expect(chat.box).to_be_focused()
    chat.box.press("Enter")
    chat.log.get_by_role("button", name="Remove").click()
    expect(chat.log.get_by_text("Not sent")).to_have_count(0)
    expect(chat.box).to_be_focused()

    chat.menu("New conversation")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    expect(chat.box).to_be_focused()

    page.context.set_offline(True)
    chat.disconnected().menu("New conversation")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("button", name="Dismiss")).to_have_count(0)
    expect(chat.box).to_be_focused()

"""Accessibility: axe finds no violations, and the chat works with the keyboard, right to left and with large text."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from browser.axe import violations
from browser.chat import Chat
from browser.servers import ChatServer


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state(
    open_context: Callable[..., BrowserContext], server: ChatServer, scheme: str
) -> None:
    """Axe finds no violation in the empty chat, with all kinds of messages, menus and notices, and offline."""
    context = open_context(color_scheme=scheme)
    chat = Chat(context.new_page()).open(server.url)
    assert violations(chat.page) == []

    for said, heard in [
        ("hello", "What can I do for you?"),
        ("when are you open", "Every day"),
        ("show me the rooms", "Tower room"),
        ("show me a picture", "Here is our mark."),
        ("what is the forecast", "More data"),
        ("common questions", "May I bring a dog?"),
        ("attack me", "<img src=x"),
    ]:
        chat.say(said).heard(heard)
    assert violations(chat.page) == []

    chat.page.get_by_role("button", name="Menu").click()
    expect(chat.page.get_by_role("menu")).to_be_visible()
    assert violations(chat.page) == []

    chat.page.get_by_role("menuitem", name="Erase conversation").click()
    expect(chat.page.get_by_role("alertdialog")).to_be_visible()
    assert violations(chat.page) == []
    chat.page.get_by_role("button", name="Cancel").click()

    chat.page.evaluate("document.querySelector('manent-chat').send('x'.repeat(64001))")
    expect(chat.log.get_by_text("Not sent")).to_be_visible()
    assert violations(chat.page) == []

    context.set_offline(True)
    chat.disconnected().say("still here").said("still here")
    assert violations(chat.page) == []


MODES: dict[str, dict[str, Any]] = {
    "320 pixels": {"viewport": {"width": 320, "height": 640}},
    "400 %": {"viewport": {"width": 320, "height": 256}},
    "dark": {"color_scheme": "dark"},
    "forced colours": {"forced_colors": "active"},
    "forced colours, dark": {"forced_colors": "active", "color_scheme": "dark"},
    "Arabic": {"locale": "ar"},
    "Persian, dark, 320 pixels": {"locale": "fa", "color_scheme": "dark", "viewport": {"width": 320, "height": 640}},
    "Hebrew": {"locale": "he"},
}


def states(chat: Chat, server: ChatServer) -> Iterator[str]:
    """Show one state of the chat after the other, and yield the name of each. The language does not matter."""
    page, panel = chat.page, chat.panel
    script = f'<script type="module" src="{server.url}webchat/manent-chat.js"></script>'
    launcher = page.locator("manent-chat [part=launcher]")
    page.route("**/page-of-a-site", lambda route: route.fulfill(body=PAGE.format(script), content_type="text/html"))
    page.goto(f"{server.url}page-of-a-site")
    expect(launcher).to_be_visible()
    yield "launcher"
    page.route("**/chat-*.js*", lambda route: route.abort())
    launcher.click()
    expect(panel.locator("button.again")).to_be_visible()
    yield "code that cannot be loaded"
    page.unroute("**/chat-*.js*")
    panel.locator("button.again").click()
    chat.connected()
    yield "empty"
    for said, heard in [
        ("hello", "What can I do for you?"),
        ("when are you open", "Every day"),
        ("show me the rooms", "Tower room"),
        ("show me a picture", "Here is our mark."),
        ("common questions", "May I bring a dog?"),
        ("attack me", "<img src=x"),
    ]:
        chat.say(said).heard(heard)
    yield "every kind of message"
    menu = panel.locator("[aria-haspopup=menu]")
    menu.click()
    expect(page.get_by_role("menu")).to_be_visible()
    yield "menu"
    page.get_by_role("menuitem").nth(2).click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    yield "question"
    page.keyboard.press("Escape")
    page.evaluate("document.querySelector('manent-chat').send('x'.repeat(64001))")
    expect(chat.log.locator("[part~=queue], .failed").first).to_be_visible()
    yield "message that is too long"
    page.context.set_offline(offline=True)
    chat.disconnected().say("still here").said("still here")
    yield "offline"
    page.context.set_offline(offline=False)
    chat.connected()
    panel.locator("[part=header] button").last.click()
    expect(launcher).to_be_visible()
    page.evaluate("document.querySelector('manent-chat').send('count to three')")
    expect(page.locator("manent-chat [part=badge]")).to_have_text("3")
    yield "closed with a badge"


PAGE = (
    "<!doctype html><html lang=en><title>A site</title><meta name=viewport content='width=device-width'>"
    "<main><h1>A site</h1></main>{}<manent-chat heading='Ask us'></manent-chat>"
)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_axe_finds_nothing_in_any_state_and_mode(
    open_context: Callable[..., BrowserContext], server: ChatServer, mode: str
) -> None:
    """Axe finds no violation in nine states: in small windows, dark and forced colours, and from right to left."""
    page = open_context(**MODES[mode]).new_page()
    found: dict[str, list[str]] = {}
    seen = 0
    for state in states(Chat(page), server):
        seen += 1
        found[state] = violations(page)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found[state].append("the page scrolls sideways")

    assert {state: problems for state, problems in found.items() if problems} == {}
    assert seen == 9


def test_everything_can_be_done_with_the_keyboard(chat: Chat) -> None:
    """A visitor can write, choose quick replies and use the menu without a mouse, and the focus is never lost."""
    page = chat.page
    focused = "(document.querySelector('manent-chat').shadowRoot.activeElement || {}).textContent?.trim()"
    expect(chat.box).to_be_focused()
    page.keyboard.type("hello")
    page.keyboard.press("Enter")
    chat.heard("What can I do for you?")

    page.keyboard.press("Shift+Tab")  # back from the text field to the last quick reply
    assert page.evaluate(focused) == "Book a table"
    page.keyboard.press("Enter")
    chat.heard("For how many people?")
    expect(chat.box).to_be_focused()

    page.get_by_role("button", name="Menu").focus()
    page.keyboard.press("Enter")
    assert page.evaluate(focused) == "New conversation"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == "Erase conversation"
    page.keyboard.press("Enter")
    assert page.evaluate(focused) == "Cancel"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")  # the question keeps the focus
    assert page.evaluate(focused) == "Cancel"
    page.keyboard.press("Escape")
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Menu")).to_be_focused()


def test_new_messages_are_announced_and_history_is_not(chat: Chat) -> None:
    """A screen reader reads each new message of the bot once, and no old messages after a reload."""
    announcer = chat.page.locator("manent-chat [aria-live=polite]:not([role=status])")
    chat.say("many thanks").heard("With pleasure.")
    expect(announcer).to_have_text("Manent said: With pleasure.")

    chat.reload().heard("With pleasure.")
    expect(announcer).to_have_text("")


def test_whatever_happens_is_announced(chat: Chat) -> None:
    """A screen reader reads repeated replies, the names of content without text, and failed sends."""
    chat.page.evaluate(
        """() => {
          window.announced = [];
          const region = document.querySelector('manent-chat').shadowRoot.querySelector('[aria-live=polite]');
          new MutationObserver(changes => {
            for (const { addedNodes } of changes)
              for (const node of addedNodes) if (node.textContent.trim()) announced.push(node.textContent.trim());
          }).observe(region, { childList: true, subtree: true, characterData: true });
        }"""
    )

    def announced(sentence: str, times: int) -> None:
        chat.page.wait_for_function(
            "([sentence, times]) => announced.filter(said => said.includes(sentence)).length === times",
            arg=[sentence, times],
        )

    chat.say("many thanks").heard("With pleasure.").say("many thanks").heard("With pleasure.", times=2)
    announced("Manent said: With pleasure.", 2)
    chat.say("count to three").heard("Three.")
    for number in ("One.", "Two.", "Three."):
        announced(f"Manent said: {number}", 1)
    chat.say("show me a picture").heard("Here is our mark.")
    announced("Manent said: Picture", 1)
    chat.say("what is the forecast").heard("More data")
    announced("More data", 1)
    chat.say("x" * 64_001)
    announced("Not sent: The message is too long.", 1)


def test_right_to_left(open_context: Callable[..., BrowserContext], server: ChatServer) -> None:
    """In Arabic, the chat is mirrored, its texts are Arabic, and English sentences stay left to right."""
    chat = Chat(open_context(locale="ar").new_page())
    chat.page.goto(server.url)
    chat.connected()
    expect(chat.panel).to_have_attribute("dir", "rtl")
    expect(chat.box).to_have_attribute("placeholder", "اكتب رسالة")
    chat.say("many thanks").heard("With pleasure.")

    user = chat.log.locator("[part~=bubble]").bounding_box()
    bot = chat.log.locator("[part~=text]").bounding_box()
    assert user is not None
    assert bot is not None
    assert user["x"] < bot["x"]
    assert violations(chat.page) == []


def test_text_twice_as_large_fits(open_context: Callable[..., BrowserContext], server: ChatServer) -> None:
    """With text at 200 %, the whole chat is visible and does not scroll sideways."""
    context = open_context(viewport={"width": 640, "height": 800})
    chat = Chat(context.new_page()).open(server.url)
    chat.page.evaluate("document.documentElement.style.fontSize = '200%'")
    chat.say("hello").heard("What can I do for you?")

    expect(chat.page.get_by_role("button", name="Send")).to_be_in_viewport()
    expect(chat.log.get_by_role("button", name="Book a table")).to_be_in_viewport()
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= 640

"""Code, cards, dates, ratings, new messages and the size of the chat."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browser.axe import violations
from browser.chat import Chat
from browser.servers import ChatServer
from browser.sites import Site
from browser.test_embedding import element


def floating(page: Page, server: ChatServer, site: Site, attributes: str = "") -> Chat:
    """Open a page whose floating chat is open."""
    page.goto(site.page("/", element(server, f"open {attributes}")))
    return Chat(page).connected()


def test_code_has_colours_and_is_copied(context: BrowserContext, server: ChatServer) -> None:
    """The first code block loads the highlighting rules, and the button copies the code."""
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    chat = Chat(page).open(server.url).say("hello").heard("What can I do for you?")
    assert not any("highlight" in url for url in loaded)

    page.evaluate("document.querySelector('manent-chat').send('/show_code')")
    expect(chat.log.locator(".code-keyword").first).to_have_text("def")
    assert any("highlight" in url for url in loaded)
    chat.click("Copy code")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith('def greet(name: str) -> None:\n    print("Hello", name)')
    expect(page.locator("manent-chat [aria-live=polite]:not([role=status])")).to_contain_text("Copied")
    assert violations(page) == []
    assert chat.errors == []


@pytest.mark.parametrize("language", ["en", "ar"])
def test_cards_turn_with_arrows(
    open_context: Callable[..., BrowserContext], server: ChatServer, site: Site, language: str
) -> None:
    """The arrows scroll by one card, also from right to left, and keep the focus at the ends."""
    page = open_context(locale=language).new_page()
    chat = floating(page, server, site, f'lang="{language}"')
    page.evaluate("document.querySelector('manent-chat').send('/show_cards')")
    chat.heard("Boat")
    back, forth = (chat.log.locator(".turner button").nth(at) for at in (0, 1))
    position = chat.log.locator(".turner span")
    expect(position).to_have_text("1 / 4")
    expect(back).to_have_attribute("aria-disabled", "true")

    for expected in ("2 / 4", "3 / 4", "4 / 4"):
        forth.press("Enter")
        expect(position).to_have_text(expected)
    expect(forth).to_have_attribute("aria-disabled", "true")
    expect(forth).to_be_focused()
    back.press("Enter")
    expect(position).not_to_have_text("4 / 4")
    assert violations(page) == []


def test_a_date_is_sent_in_iso_format_and_shown_in_the_visitors(chat: Chat) -> None:
    """The bot gets an ISO date, the conversation shows it in words, and the date field is kept."""
    chat.page.evaluate("document.querySelector('manent-chat').send('/show_date')")
    chat.heard("When do you arrive?")
    field = chat.log.get_by_label("When do you arrive?")
    field.fill("2026-12-24")
    assert violations(chat.page) == []
    field.press("Enter")

    chat.said("24 December 2026").heard("Noted: 2026-12-24.")
    expect(field).to_be_disabled()
    chat.reload()
    expect(field).to_have_value("2026-12-24")


def test_replies_are_rated_with_a_thumb(page: Page, server: ChatServer, site: Site) -> None:
    """A rating is sent with the message's number and is shown after a reload."""
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(str(frame))))
    chat = floating(page, server, site, "feedback").say("count to three").heard("Three.")
    good = chat.log.get_by_role("button", name="Helpful", exact=True)
    expect(good).to_have_count(1)  # for the whole reply
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    expect(page.locator("manent-chat [aria-live=polite]:not([role=status])")).to_contain_text("Thank you")
    chat.reload()

    expect(good).to_have_attribute("aria-pressed", "true")
    assert violations(page) == []
    seq = page.evaluate("document.querySelector('manent-chat').messages.at(-1).seq")
    [rating] = [frame for frame in sent if '"rate"' in frame]
    assert '"score":5' in rating
    assert f'"of":{seq}' in rating


def test_nobody_is_asked_without_the_attribute(chat: Chat) -> None:
    """Without the attribute, the chat shows no thumbs."""
    chat.say("many thanks").heard("With pleasure.")
    expect(chat.log.get_by_role("button", name="Helpful", exact=True)).to_have_count(0)


def test_new_messages_are_below_a_divider(page: Page, server: ChatServer, site: Site) -> None:
    """A visitor who opens the chat again sees where the new messages begin, until they write."""
    chat = floating(page, server, site).say("many thanks").heard("With pleasure.")
    page.keyboard.press("Escape")
    page.evaluate("document.querySelector('manent-chat').send('/count')")
    page.get_by_role("button", name="Ask us: 3").click()

    divider = chat.log.get_by_text("New messages")
    expect(divider).to_be_visible()
    assert violations(page) == []
    chat.say("many thanks")
    expect(divider).to_have_count(0)


def test_the_chat_is_enlarged_and_fills_the_window(page: Page, server: ChatServer, site: Site) -> None:
    """The button enlarges the chat, the menu maximises it, and the next page keeps the size."""
    page.set_viewport_size({"width": 1200, "height": 800})
    chat = floating(page, server, site)

    def width() -> float:
        box = chat.panel.bounding_box()
        assert box is not None
        return box["width"]

    normal = width()
    page.get_by_role("button", name="Enlarge").click()
    expect(page.get_by_role("button", name="Shrink")).to_be_visible()
    large = width()
    assert normal + 200 < large < 1_200
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("menuitemcheckbox", name="Full screen").click()
    assert width() == 1_200
    assert violations(page) == []
    chat.reload()
    assert width() == 1_200

    chat.box.press("Escape")
    assert width() < 1_200
    expect(chat.box).to_be_visible()


def test_a_narrow_window_offers_no_sizes(
    open_context: Callable[..., BrowserContext], server: ChatServer, site: Site
) -> None:
    """On a phone, the chat always covers the page."""
    page = open_context(viewport={"width": 320, "height": 640}).new_page()
    floating(page, server, site)
    expect(page.get_by_role("button", name="Enlarge")).to_have_count(0)
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("menuitem", name="Erase conversation")).to_be_visible()
    expect(page.get_by_role("menuitemcheckbox", name="Full screen")).to_have_count(0)
    assert violations(page) == []

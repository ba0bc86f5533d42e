"""Invitations: the teaser beside the floating button, and chats that open automatically."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browser.axe import violations
from browser.chat import Chat
from browser.servers import ChatServer
from browser.sites import Site
from browser.test_embedding import element

TEASER = 'teaser="Can I help you?" teaser-after="0"'


def close(page: Page) -> None:
    """Close the teaser."""
    page.get_by_role("button", name="Close", exact=True).click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_teaser_opens_the_chat_and_sends_its_payload(
    open_context: Callable[..., BrowserContext], server: ChatServer, site: Site, scheme: str
) -> None:
    """The teaser is announced without loading the chat, and is not shown again after the chat was used."""
    page = open_context(color_scheme=scheme, viewport={"width": 320, "height": 640}).new_page()
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    page.goto(site.page("/", element(server, f'{TEASER} teaser-payload="/greet"')))
    teaser = page.get_by_role("status").get_by_role("button", name="Can I help you?")
    expect(teaser).to_be_visible()
    assert violations(page) == []
    assert not any("/chat-" in url for url in loaded)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320

    teaser.press("Enter")
    Chat(page).connected().heard("What can I do for you?")
    expect(page.get_by_role("status").get_by_role("button", name="Can I help you?")).to_have_count(0)
    page.get_by_role("button", name="Close chat").click()
    page.goto(site.page("/next", element(server, TEASER)))
    expect(page.get_by_role("button", name="Ask us")).to_be_visible()
    page.wait_for_function("performance.now() > 1000")
    expect(teaser).to_have_count(0)


def test_a_visitor_who_closed_the_teaser_never_sees_it_again(
    context: BrowserContext, server: ChatServer, site: Site
) -> None:
    """Escape and the button close the teaser in all tabs of the site and on later pages."""
    address = site.page("/", element(server, TEASER))
    page, other = context.new_page(), context.new_page()
    for tab in (page, other):
        tab.goto(address)
        expect(tab.get_by_text("Can I help you?")).to_be_visible()
    page.get_by_role("button", name="Can I help you?").focus()
    page.keyboard.press("Escape")

    expect(page.get_by_role("button", name="Ask us")).to_be_focused()
    expect(page.get_by_text("Can I help you?")).to_have_count(0)
    expect(other.get_by_text("Can I help you?")).to_have_count(0)
    page.goto(site.page("/next", element(server, 'open-after="0" ' + TEASER)))
    page.wait_for_function("performance.now() > 1000")
    expect(page.get_by_text("Can I help you?")).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_chat_opens_by_itself_once(page: Page, server: ChatServer, site: Site) -> None:
    """The chat does not take the focus when it opens automatically, and does not reopen after the visitor closes it."""
    own = page.get_by_role("button", name="Buy")
    page.goto(site.page("/", "<button>Buy</button>" + element(server, 'open-after="0.5"')))
    own.focus()
    chat = Chat(page).connected()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(own).to_be_focused()

    chat.say("many thanks").heard("With pleasure.")
    page.keyboard.press("Escape")
    page.reload()
    page.wait_for_function("performance.now() > 1500")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_rules_apply_to_pages_also_without_a_load(page: Page, server: ChatServer, site: Site) -> None:
    """The first rule for the path is used. When a script changes the path, the teaser changes, too."""
    rules = """proactive='[{"pages": "/shop/*", "teaser": "Shall I find your size?", "teaser_after": 0},
      {"pages": ["!/legal"], "teaser": "Welcome", "teaser_after": 0}]'"""
    page.goto(site.page("/legal", element(server, rules)))
    page.evaluate("document.addEventListener('manent-teaser', event => (window.seen ||= []).push(event.detail))")
    page.wait_for_function("customElements.get('manent-chat') && performance.now() > 1000")
    expect(page.get_by_role("status").get_by_role("button")).to_have_count(0)

    page.evaluate("history.pushState(null, '', '/shop/shoes')")
    expect(page.get_by_text("Shall I find your size?")).to_be_visible()
    page.evaluate("history.pushState(null, '', '/about')")
    expect(page.get_by_text("Welcome")).to_be_visible()
    expect(page.get_by_text("Shall I find your size?")).to_have_count(0)
    close(page)
    assert page.evaluate("seen.map(({ state, text }) => `${state} ${text}`)") == [
        "shown Shall I find your size?",
        "shown Welcome",
        "closed Welcome",
    ]


def test_a_page_opens_the_chat_with_its_name(page: Page, server: ChatServer, site: Site) -> None:
    """`manentChat` refers to the first chat of the page."""
    page.goto(site.page("/", element(server)))
    page.wait_for_function("window.manentChat !== undefined")
    page.evaluate("manentChat.open()")
    Chat(page).connected()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_phone_is_not_covered(open_context: Callable[..., BrowserContext], server: ChatServer, site: Site) -> None:
    """In a narrow window, which the chat would cover, only the teaser is shown."""
    page = open_context(viewport={"width": 320, "height": 640}, locale="ar").new_page()
    page.goto(site.page("/", element(server, f'lang="ar" open-after="0" {TEASER}')))
    expect(page.get_by_text("Can I help you?")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="إغلاق")).to_be_visible()

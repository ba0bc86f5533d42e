"""A handoff from the visitor's side: waiting for an operator, the conversation, and the rating."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from browser.axe import violations
from browser.chat import Chat
from browser.operators import Operator
from browser.servers import ChatServer


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_joins_answers_and_leaves(
    open_context: Callable[..., BrowserContext], server: ChatServer, scheme: str
) -> None:
    """The visitor sees the operator's name, and axe finds no violation during waiting, conversation and rating."""
    page = open_context(color_scheme=scheme).new_page()
    operator = Operator(page)
    chat = Chat(page).open(server.url).say("hello").heard("What can I do for you?")
    announcer = page.locator("manent-chat [aria-live=polite]:not([role=status])")
    operator.send("handler_changed", {"handler": "queue"})
    expect(chat.log.get_by_text("You are waiting for a person.")).to_be_visible()
    expect(announcer).to_contain_text("You are waiting for a person.")
    assert violations(page) == []

    operator.joins()
    expect(chat.log.get_by_text("Ada joined")).to_be_visible()
    expect(chat.log.get_by_text("You are waiting")).to_have_count(0)
    operator.types()
    expect(chat.log.get_by_text("Ada is typing")).to_be_attached()
    operator.says("How can I help?")
    expect(chat.log.locator("[part~=agent]").filter(has_text="How can I help?")).to_contain_text("Ada")
    expect(chat.log.get_by_text("Ada is typing")).to_have_count(0)
    expect(announcer).to_contain_text("Ada said: How can I help?")
    assert violations(page) == []

    chat.box.press_sequentially("My key")
    expect(chat.box).to_have_value("My key")
    chat.box.fill("")
    assert [request["on"] for request in operator.requested("user_typing")] == [True, False]

    operator.leaves(rate=True)
    expect(chat.log.get_by_text("Ada left")).to_be_visible()
    expect(page.get_by_role("group", name="How was this conversation?")).to_be_visible()
    assert violations(page) == []


def test_a_rating_survives_a_reload_and_is_sent_once(
    open_context: Callable[..., BrowserContext], server: ChatServer
) -> None:
    """A visitor can rate with the keyboard, with or without a comment, and then write at once."""
    page = open_context().new_page()
    operator = Operator(page)
    chat = Chat(page).open(server.url).say("hello").heard("What can I do for you?")
    operator.joins()
    operator.leaves(rate=True)
    expect(page.get_by_role("radio", name="4/5")).to_be_attached()
    chat.reload()
    page.get_by_role("radio", name="3/5").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="4/5")).to_be_checked()
    page.get_by_role("textbox", name="Comment (optional)").fill("Quick and kind")
    assert violations(page) == []
    page.keyboard.press("Enter")

    expect(chat.log.get_by_text("Thank you for your rating.")).to_be_visible()
    expect(chat.page.get_by_role("textbox", name="Write a message")).to_be_focused()
    [rated] = operator.requested("rate")
    assert (rated["score"], rated["comment"]) == (4, "Quick and kind")
    chat.reload()
    expect(chat.log.get_by_text("How was this conversation?")).to_have_count(0)


def test_an_operators_words_are_text(open_context: Callable[..., BrowserContext], server: ChatServer) -> None:
    """Markup in an operator's message or name is shown as text."""
    page = open_context().new_page()
    operator = Operator(page)
    chat = Chat(page).open(server.url).say("hello").heard("What can I do for you?")
    mark = "<img src=x onerror='window.attacked = true'>"
    operator.send("handler_changed", {"handler": "human", "operator": {"id": "m", "name": mark}})
    operator.says(f"{mark} [press](javascript:window.attacked=true)")

    expect(chat.log.get_by_text(f"{mark} joined")).to_be_visible()
    expect(chat.log.locator("[part~=agent]")).to_contain_text(mark)
    assert chat.log.locator("a[href^=javascript], [onerror]").count() == 0
    assert page.evaluate("window.attacked") is None

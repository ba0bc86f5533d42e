"""Requests of the page and answers of the server match docs/protocol.schema.json."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import jsonschema_rs
from playwright.sync_api import BrowserContext, expect

from browser.chat import Chat
from browser.servers import ChatServer
from browser.tokens import Tokens
from browser.wire import SCHEMA, Wire
from manent.server.api import openapi

OVER_HTTP = {
    "EventsRequest",
    "SessionAnswer.errors",
    *(f"{name}.session_token" for name in ("UserUttered", "HistoryRequest", "NamedSession")),
}
"""Not for sockets: there the session that was joined needs no second proof."""

WITH_OPERATORS = {
    *("AgentMessage", "AgentSaid", "AgentTyping", "HandlerChanged", "Operator"),
    *("Rate", "RateAnswer", "Served", "UserTyping", "SessionAnswer.operator"),
}
"""Fields that need an operator. `tests/journeys/test_desk.py` compares them with the schema."""

RARE = {
    "WireError.retry_after",
    "WireError.supported",
    "ErrorEvent",
    "BotTyping",
    "Numbered.divider",
    "SessionRequest.limit",
}
"""What no ordinary conversation shows; each has a test of its own elsewhere."""

FILES = {
    "Attachment",
    "FilesOffer",
    "UploadAnswer",
    "SessionAnswer.files",
    "UserSaid.attachments",
    "UserUttered.attachments",
}
"""Only for servers that accept files; see `test_files.py`."""


def test_a_conversation_uses_every_field_and_no_other(
    open_context: Callable[..., BrowserContext], server: ChatServer, jwt_server: ChatServer, tokens: Tokens
) -> None:
    """Two tabs with two identity modes use each field of the schema, and no other."""
    wire = Wire()
    context = open_context()
    page = context.new_page()
    wire.listen(page)
    chat = Chat(page).open(server.url)
    chat.say("hello").heard("What can I do for you?").click("Opening hours").heard("Every day")
    page.evaluate("dispatchEvent(new Event('offline'))")
    chat.disconnected()
    page.evaluate("dispatchEvent(new Event('online'))")
    chat.connected()
    page.evaluate("document.querySelector('manent-chat').setMetadata({ page: '/rooms' })")
    page.evaluate("document.querySelector('manent-chat').send('/thank')")
    chat.heard("With pleasure.")
    for _ in range(26):  # two events each: more than one page
        page.evaluate("document.querySelector('manent-chat').send('/thank')")
    page.wait_for_function("() => document.querySelector('manent-chat').messages.length === 58")
    chat.reload()
    expect(chat.log.get_by_text("With pleasure.").last).to_be_visible()
    page.get_by_role("log").evaluate("log => log.scrollTop = 0")
    chat.said("hello")
    other = context.new_page()
    wire.listen(other)
    Chat(other).open(server.url).menu("New conversation")
    other.get_by_role("button", name="Start", exact=True).click()
    chat.heard("With pleasure.", times=0)
    chat.say("hello").heard("What can I do for you?").menu("Erase conversation")
    page.get_by_role("button", name="Erase", exact=True).click()
    chat.heard("What can I do for you?", times=0)
    page.evaluate("document.querySelector('manent-chat').send('x'.repeat(64001))")
    expect(chat.log.get_by_text("Not sent")).to_be_visible()

    member = open_context()
    tokens.serve(member, "barbara")
    tokens.lasts_s = 61.0
    guarded = member.new_page()
    wire.listen(guarded)
    Chat(guarded).open(tokens.page(jwt_server)).say("many thanks").heard("With pleasure.").menu("Earlier conversations")
    expect(guarded.get_by_role("dialog", name="Earlier conversations")).to_be_visible()
    guarded.wait_for_function("asked >= 2")  # each token lasts a second, so that it may have asked again meanwhile
    guarded.get_by_role("button", name="Cancel").click()

    assert wire.mistakes() == []
    excluded = OVER_HTTP | RARE | FILES | WITH_OPERATORS
    assert {field for field in wire.unseen() if not {field, field.split(".")[0]} & excluded} == set()


def test_over_http_it_is_the_same(server: ChatServer) -> None:
    """Every answer of the HTTP interface matches the schema, and the schema has every request."""

    def ask(name: str, **payload: Any) -> Any:
        answer = httpx.post(f"{server.url}sessions/{name}", json=payload, timeout=30).json()
        asked = SCHEMA["x-requests"][name]
        expected = asked["answer"] if answer["ok"] else {"$ref": "#/$defs/Refusal"}
        for reference, value in ((asked["payload"], payload), (expected, answer)):
            assert jsonschema_rs.is_valid({**reference, "$defs": SCHEMA["$defs"]}, value), (name, value)
        return answer

    joined = ask("session_request", protocol=1)
    session = {"session_id": joined["session_id"], "session_token": joined["session_token"]}
    ask("user_uttered", **session, epoch=joined["epoch"], message="hello", message_id="1", metadata={"page": "/"})
    cursor = {"epoch": joined["epoch"], "seq": 0}
    until = time.monotonic() + 10
    while len(ask("events", **session, cursor=cursor, wait_s=1)["messages"]) < 2:
        assert time.monotonic() < until
    ask("history_request", **session, before=1000, limit=1)
    assert ask("history_request", session_id="nobody's", before=1)["ok"] is False
    assert ask("session_list")["ok"] is False
    session_after = ask("session_reset", **session)
    ask("session_erase", session_id=session_after["session_id"], session_token=session_after["session_token"])

    documented = {
        path.removeprefix("/sessions/")
        for path in openapi.document(management=False)["paths"]
        if path.startswith("/sessions/")
    }
    assert documented - {"files"} == set(SCHEMA["x-requests"])  # an upload is a form


def test_the_documented_api_has_the_same_fields() -> None:
    """In OpenAPI, message and session have the fields of the schema."""
    documented = openapi.document(management=False)["components"]["schemas"]
    message = {
        field for name in ("Numbered", "UserSaid", "UserMessage") for field in SCHEMA["$defs"][name]["properties"]
    }

    assert set(SCHEMA["$defs"]["SessionAnswer"]["properties"]) == set(documented["Session"]["properties"])
    assert message <= set(documented["Message"]["properties"])

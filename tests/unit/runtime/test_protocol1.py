"""Protocol 1's requests, without a transport."""

from pathlib import Path
from typing import Any

import pytest

from manent.core.conversation_log import Page
from manent.core.errors import RequestError
from manent.core.events import Json
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.feed import Moved, News
from manent.runtime.identity.admission import Admission, Identity
from manent.runtime.ports.store import Loaded
from manent.runtime.protocol1 import Joined, Sessions, notify_changed, refusal
from manent.stores.memory import MemoryStore
from manent.stores.sqlite.store import SqliteStore
from support.small_talk import opened, say, shown

SECRET = b"0123456789abcdef"


def follow(_: Conversation, __: Admission) -> None:
    """Do nothing."""


async def join(sessions: Sessions, **request: object) -> Json:
    """Send a `session_request`."""
    joined: Joined = await sessions.join({"protocol": 1, "session_id": "ada", **request}, follow)
    return joined.answer


async def test_first_join_creates_an_empty_conversation() -> None:
    """A new conversation has an epoch and no messages, and is not resumed. The next request returns the same one."""
    async with opened(MemoryStore()) as conversations:
        sessions = Sessions(conversations, Identity())
        first = await join(sessions)
        second = await join(sessions)

    assert first == second
    assert (first["resumed"], first["messages"], first["has_more"], first["gap"], first["seq"]) == (
        False,
        [],
        False,
        False,
        0,
    )


async def test_a_new_visitor_needs_no_reads_of_the_store() -> None:
    """For a new minted id, neither the join nor the first message reads the store."""
    asked: list[str] = []

    class Noting(MemoryStore):
        async def page(self, sender_id: str, **more: Any) -> Page | None:
            asked.append(sender_id)
            return await super().page(sender_id, **more)

        async def load(self, sender_id: str, **more: Any) -> Loaded | None:
            asked.append(sender_id)
            return await super().load(sender_id, **more)

    async with opened(Noting()) as conversations:
        sessions = Sessions(conversations, Identity(mode="minted", secret=SECRET))
        answer = (await sessions.join({"protocol": 1}, follow)).answer
        said = await say(conversations, "hello", sender_id=answer["session_id"])
        assert asked == []
        token = answer["session_token"]
        named = {"protocol": 1, "session_id": answer["session_id"], "session_token": token}
        again = (await sessions.join(named, follow)).answer

    assert shown(said) == ["hello", "Hello."]
    assert (answer["resumed"], answer["messages"], answer["seq"], answer["gap"]) == (False, [], 0, False)
    assert (again["epoch"], again["resumed"], asked) == (answer["epoch"], True, [answer["session_id"]])


async def test_two_servers_begin_the_same_conversation() -> None:
    """If two servers assume that a conversation is empty, the messages on both servers are stored."""
    store = MemoryStore()
    async with opened(store) as one, opened(store) as other:
        begun = await join(Sessions(one, Identity()))
        await say(other, "count")
        await say(one, "hello")
        after = await join(Sessions(other, Identity()))

    told = [message.get("message") or message.get("text") for message in after["messages"]]
    assert told == ["count", "One.\n\nTwo.", "hello", "Hello."]
    assert after["epoch"] == begun["epoch"]


async def test_join_with_cursor_returns_newer_messages() -> None:
    """A cursor returns exactly the messages after it, without a gap."""
    async with opened(MemoryStore()) as conversations:
        sessions = Sessions(conversations, Identity())
        await say(conversations, "hello")
        before = await join(sessions)
        await say(conversations, "count")
        after = await join(sessions, cursor={"epoch": before["epoch"], "seq": before["seq"]})

    assert [message.get("message") or message.get("text") for message in after["messages"]] == ["count", "One.\n\nTwo."]
    assert (after["gap"], after["resumed"]) == (False, True)


@pytest.mark.parametrize(
    "cursor", [{"epoch": "other", "seq": 1}, {"epoch": None, "seq": 10_000}, {"epoch": None, "seq": 2**200}]
)
async def test_cursor_of_another_log_is_a_gap(cursor: Json, tmp_path: Path) -> None:
    """A cursor with another epoch, or beyond the head, returns the newest page and `gap`."""
    async with opened(SqliteStore(tmp_path / "conversations.db")) as conversations:
        sessions = Sessions(conversations, Identity())
        await say(conversations, "hello")
        epoch = (await join(sessions))["epoch"]
        answer = await join(sessions, cursor={"epoch": cursor["epoch"] or epoch, "seq": cursor["seq"]})

    assert answer["gap"] is True
    assert len(answer["messages"]) == 2


async def test_history_fills_a_gap() -> None:
    """If there are more new messages than the limit, the answer has a gap, which history pages fill completely."""
    async with opened(MemoryStore()) as conversations:
        sessions = Sessions(conversations, Identity())
        epoch = (await join(sessions))["epoch"]
        for _ in range(5):
            await say(conversations, "hello")
        answer = await join(sessions, cursor={"epoch": epoch, "seq": 0}, limit=3)
        seen = list(answer["messages"])
        while answer["has_more"]:
            answer = await sessions.history({"session_id": "ada", "before": seen[0]["seq"], "limit": 3})
            seen = answer["messages"] + seen

    assert len(seen) == 10
    assert [message["prev"] for message in seen] == [0, *(message["seq"] for message in seen[:-1])]


async def test_page_never_cuts_an_event() -> None:
    """The limit counts events, so a reply of three parts is returned as a whole."""
    async with opened(MemoryStore()) as conversations:
        sessions = Sessions(conversations, Identity())
        await say(conversations, "/picture")
        answer = await join(sessions, limit=1)

    assert [message["id"].partition(".")[2] for message in answer["messages"]] == ["0", "1", "2"]
    assert answer["has_more"] is True


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"protocol": 2}, "unsupported_protocol"),
        ({"protocol": True}, "unsupported_protocol"),
        ({"protocol": 1, "limit": 0}, "bad_request"),
        ({"protocol": 1, "limit": "many"}, "bad_request"),
        ({"protocol": 1, "cursor": {"epoch": 1, "seq": 2}}, "bad_request"),
        ({"protocol": 1, "session_id": 7}, "bad_session_id"),
        ({"protocol": 1, "session_id": ""}, "bad_session_id"),
        ({"protocol": 1, "session_id": "x" * 256}, "bad_session_id"),
    ],
)
async def test_bad_session_requests_are_rejected(request_: Json, code: str) -> None:
    """An invalid request is rejected with a code."""
    async with opened(MemoryStore()) as conversations:
        with pytest.raises(RequestError) as refused:
            await Sessions(conversations, Identity()).join(request_, follow)

    assert refused.value.code == code


@pytest.mark.parametrize(
    "request_",
    [
        {"session_id": "ada", "message": "hi"},
        {"session_id": "ada", "message": 5, "message_id": "m"},
        {"session_id": "ada", "message": "hi", "message_id": ""},
        {"session_id": "ada", "message": "hi", "message_id": "m" * 129},
        {"session_id": "ada", "message": "hi", "message_id": "m", "title": 1},
        {"session_id": "ada", "message": "hi", "message_id": "m", "epoch": 1},
        {"session_id": "ada", "message": "hi", "message_id": "m", "metadata": "x"},
        {"message": "hi", "message_id": "m"},
    ],
)
async def test_bad_messages_are_rejected_before_they_wait(request_: Json) -> None:
    """A message with a missing or wrong key does not enter the mailbox."""
    async with opened(MemoryStore()) as conversations:
        with pytest.raises(RequestError) as refused:
            await Sessions(conversations, Identity()).submit(request_, input_channel="socketio")

    assert refused.value.code in ("bad_request", "bad_session_id")


async def test_title_of_a_button_is_found() -> None:
    """If the last bot message has a button with the payload, the message has its title. Otherwise it has `payload`."""
    async with opened(MemoryStore()) as conversations:
        sessions = Sessions(conversations, Identity())
        await say(conversations, "count")
        await say(conversations, "/greet")
        await say(conversations, "/greet")
        messages = (await join(sessions))["messages"]

    users = [message for message in messages if message["role"] == "user"]
    assert [user.get("title") for user in users] == [None, "Stop", None]
    assert [user.get("payload") for user in users] == [None, None, True]


async def test_reset_leaves_the_old_conversation() -> None:
    """A reset begins another conversation. The old conversation can still be read."""
    async with opened(MemoryStore()) as conversations:
        sessions = Sessions(conversations, Identity())
        await say(conversations, "hello")
        _, joined = await sessions.reset({"session_id": "ada"}, follow)
        old = await join(sessions)

    assert joined.answer["session_id"] != "ada"
    assert joined.answer["messages"] == []
    assert len(old["messages"]) == 2


async def test_erase_in_open_mode_keeps_the_id() -> None:
    """An erase keeps the id and creates a new epoch. A message for the old epoch is rejected."""
    async with opened(MemoryStore()) as conversations:
        sessions = Sessions(conversations, Identity())
        await say(conversations, "hello")
        before = await join(sessions)
        _, joined = await sessions.erase({"session_id": "ada"}, follow)
        late = {"session_id": "ada", "epoch": before["epoch"], "message": "hello", "message_id": "m1"}
        with pytest.raises(RequestError) as refused:
            await (await sessions.submit(late, input_channel="socketio")).accepted

    assert joined.answer["session_id"] == "ada"
    assert joined.answer["epoch"] != before["epoch"]
    assert joined.answer["messages"] == []
    assert refused.value.code == "conversation_changed"


async def test_erase_in_minted_mode_changes_the_id() -> None:
    """In the mode `minted`, an erase removes the conversation and creates a new id."""
    async with opened(MemoryStore()) as conversations:
        sessions = Sessions(conversations, Identity(mode="minted", secret=SECRET))
        first = (await sessions.join({"protocol": 1}, follow)).answer
        named = {"session_id": first["session_id"], "session_token": first["session_token"]}
        _, joined = await sessions.erase(named, follow)

        assert await conversations.engine.store.head(first["session_id"]) is None
    assert joined.answer["session_id"] != first["session_id"]
    assert joined.answer["session_token"]


async def test_subscribers_are_notified_of_the_successor() -> None:
    """All subscribers except the one that reset the conversation are notified of the new conversation."""
    told: dict[str, Json] = {}

    class Following:
        def __init__(self, name: str) -> None:
            self.name = name

        def notify(self, news: News) -> None:
            """Note."""
            assert isinstance(news, Moved)
            told[self.name] = news.payload

    async with opened(MemoryStore()) as conversations:
        sessions = Sessions(conversations, Identity())
        one, other = Following("one"), Following("other")
        conversation = conversations.get("ada")
        conversation.subscribers.extend([one, other])
        _, joined = await sessions.reset({"session_id": "ada"}, follow)
        notify_changed(conversation, "reset", joined, but=one)

    assert told == {
        "other": {
            "reason": "reset",
            "session_id": joined.answer["session_id"],
            "epoch": joined.answer["epoch"],
        }
    }


def test_refusal_contains_the_time_to_wait() -> None:
    """A refusal contains the code, the message and, if the client can retry, the time to wait."""
    error = RequestError("busy", "too many", retry_after=2.0)

    assert refusal(error) == {"ok": False, "error": {"code": "busy", "message": "too many", "retry_after": 2.0}}

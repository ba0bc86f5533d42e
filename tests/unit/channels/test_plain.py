"""The Socket.IO channel with plain Rasa clients: exactly Rasa's protocol, and nothing lost."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from manent.channels.socketio import plain
from manent.dialogue.steps import ActionResult
from manent.stores.sqlite.store import SqliteStore
from support.small_talk import Actions, running, until
from unit.channels.sockets import PERSISTENT, page


@pytest.mark.parametrize("short_way", [True, False])
async def test_confirm_and_replies_are_rasas(tmp_path: Path, *, short_way: bool) -> None:
    """The confirmation is the bare id; replies have Rasa's keys and no others, whatever server they come through."""
    async with running(tmp_path, credentials=PERSISTENT, short_way=short_way) as server, page(server.url) as ada:
        await ada.say("count")
        await until(lambda: len(ada.got()) == 2)
        await ada.say("/greet")
        await until(lambda: len(ada.got()) == 3)

    assert ada.got("session_confirm") == ["ada"]
    assert ada.got() == [
        {"text": "One.", "quick_replies": []},
        {
            "text": "Two.",
            "quick_replies": [
                {"content_type": "text", "title": "Go on", "payload": "/count"},
                {"content_type": "text", "title": "Stop", "payload": "/greet"},
            ],
        },
        {"text": "Hello."},
    ]
    assert {name for name, _ in ada.events} == {"session_confirm", "bot_uttered"}


async def test_new_session_gets_an_id(tmp_path: Path) -> None:
    """Without an id, or without any argument, the server names the session."""
    async with running(tmp_path, credentials=PERSISTENT) as server, page(server.url, None) as ada:
        await ada.emit("session_request")
        await until(lambda: len(ada.got("session_confirm")) == 2)

    assert all(len(confirmed) == 32 for confirmed in ada.got("session_confirm"))


async def test_a_new_session_is_not_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is asked neither for a session that was named just now nor, at its first message, for its log."""
    asked: list[str] = []
    for name in ("head", "load"):
        read = getattr(SqliteStore, name)

        def noting(self: SqliteStore, sender_id: str, *, read: Any = read, **more: Any) -> Any:
            asked.append(sender_id)
            return read(self, sender_id, **more)

        monkeypatch.setattr(SqliteStore, name, noting)
    async with running(tmp_path, credentials=PERSISTENT) as server:
        async with page(server.url, None) as new:
            [session_id] = new.got("session_confirm")
            await new.say("hello", session_id)
            await until(lambda: bool(new.got()))
            assert asked == []
        async with page(server.url, session_id) as again:
            await again.say("count", session_id)
            await until(lambda: bool(again.got()))

    assert asked == [session_id]


async def test_every_tab_of_a_session_gets_the_replies(tmp_path: Path) -> None:
    """A second tab of the session sees the bot's answers to the first; another session sees nothing."""
    async with (
        running(tmp_path, credentials=PERSISTENT) as server,
        page(server.url) as one,
        page(server.url) as other,
        page(server.url, "bob") as stranger,
    ):
        await one.say("hello")
        await until(lambda: bool(one.got()) and bool(other.got()))

    assert one.got() == other.got() == [{"text": "Hello."}]
    assert stranger.got() == []


async def test_reply_to_a_socket_that_dropped_waits_for_the_next(tmp_path: Path) -> None:
    """A page that leaves right after it spoke finds the reply when it comes back, after the confirmation."""
    actions = Actions(hold=asyncio.Event(), work=lambda _: ActionResult(responses=({"text": "Late."},)))
    async with running(tmp_path, credentials=PERSISTENT, actions=actions) as server:
        async with page(server.url) as ada:
            await ada.say("work")
            await until(lambda: bool(actions.calls))
        assert actions.hold is not None
        actions.hold.set()
        async with page(server.url) as again:
            await until(lambda: bool(again.got()))

    assert again.events == [("session_confirm", "ada"), ("bot_uttered", {"text": "Late."})]


async def test_what_was_missed_leaves_with_the_confirmation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is at hand there is no session: nothing that is said to the session seems to be answered by it."""
    reading, go_on = asyncio.Event(), asyncio.Event()
    async with running(tmp_path, credentials=PERSISTENT) as server:
        async with page(server.url) as ada:
            await ada.say("hello")
            await until(lambda: bool(ada.got()))
        read = server.conversations.engine.store.after

        async def late(*arguments: Any, **options: Any) -> Any:
            reading.set()
            await go_on.wait()
            return await read(*arguments, **options)

        monkeypatch.setattr(server.conversations.engine.store, "after", late)
        async with page(server.url, joins=False) as again:
            await again.emit("session_request", {"session_id": "ada"})
            await reading.wait()
            async with page(server.url, "bob"):  # whose confirmation comes after all that was sent before it
                meanwhile = list(again.events)
            go_on.set()
            await until(lambda: bool(again.got()))

    assert meanwhile == []
    assert again.events == [("session_confirm", "ada"), ("bot_uttered", {"text": "Hello."})]


async def test_reply_that_arrived_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a socket has answered a ping after is not sent again to the next one."""
    monkeypatch.setattr(plain, "PING_AFTER_S", 0.02)
    async with running(tmp_path, credentials=PERSISTENT) as server:
        async with page(server.url) as ada:
            await ada.say("hello")
            await until(lambda: bool(ada.got()))
            store = server.conversations.engine.store
            async with asyncio.timeout(30):
                while (head := await store.head("ada")) is None or head.plain_seq < head.visible:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        async with page(server.url) as again:
            await again.say("hello")
            await until(lambda: bool(again.got()))

    assert again.got() == [{"text": "Hello."}]


async def test_speaking_joins(tmp_path: Path) -> None:
    """A message that comes before the session request is answered to its socket, and once."""
    async with running(tmp_path, credentials=PERSISTENT) as server, page(server.url, joins=False) as ada:
        await ada.say("hello")
        await ada.emit("session_request", {"session_id": "ada"})
        await until(lambda: bool(ada.got()) and bool(ada.got("session_confirm")))
        await ada.say("hello")
        await until(lambda: len(ada.got()) == 2)

    assert ada.got() == [{"text": "Hello."}] * 2


async def test_without_persistence_the_socket_is_the_sender(tmp_path: Path) -> None:
    """The session id is confirmed and otherwise ignored, as in Rasa."""
    async with running(tmp_path, credentials="socketio:\n") as server, page(server.url) as ada:
        await ada.say("hello")
        await until(lambda: bool(ada.got()))
        sid = ada.socket.get_sid("/")
        head = await server.conversations.engine.store.head(sid)
        nobody = await server.conversations.engine.store.head("ada")

    assert (head is not None, nobody) == (True, None)


async def test_a_session_may_be_named_like_its_socket(tmp_path: Path) -> None:
    """The tutorial's page uses its first socket's id as its session id."""
    async with running(tmp_path, credentials=PERSISTENT) as server, page(server.url, joins=False) as ada:
        sid = ada.socket.get_sid("/")
        await ada.emit("session_request", {"session_id": sid})
        await ada.say("hello", sid)
        await until(lambda: bool(ada.got()))

    assert ada.got() == [{"text": "Hello."}]


async def test_what_cannot_be_served_is_told_and_the_connection_lives(tmp_path: Path) -> None:
    """Every wrong session id, message or type is answered with an `error`, and then a right one with a reply."""
    wrong: list[tuple[str, Any, str]] = [
        ("session_request", {"session_id": 7}, "bad_session_id"),
        ("session_request", {"session_id": ""}, "bad_session_id"),
        ("session_request", {"session_id": ["a"]}, "bad_session_id"),
        ("session_request", {"session_id": {"a": 1}}, "bad_session_id"),
        ("session_request", {"session_id": "x" * 1_000_000}, "bad_session_id"),
        ("session_request", "ada", "bad_request"),
        ("user_uttered", {"message": "hello"}, "bad_session_id"),
        ("user_uttered", {"message": "hello", "session_id": 0}, "bad_session_id"),
        ("user_uttered", {"message": 5, "session_id": "ada"}, "bad_request"),
        ("user_uttered", "hello", "bad_request"),
        ("user_uttered", {"message": "x" * 100_000, "session_id": "ada"}, "too_long"),
        ("user_uttered", {"message": "x", "session_id": "ada", "metadata": "{"}, "bad_request"),
        ("session_request", {"protocol": 2}, "unsupported_protocol"),
    ]
    async with running(tmp_path, credentials=PERSISTENT) as server, page(server.url, joins=False) as ada:
        for event, payload, _ in wrong:
            await ada.emit(event, payload)
        await ada.emit("session_request", {"session_id": "ada"})
        await ada.say("hello")
        await until(lambda: bool(ada.got()))

    assert [error["code"] for error in ada.got("error")] == [code for _, _, code in wrong]
    assert ada.got() == [{"text": "Hello."}]


async def test_acknowledgement_comes_after_the_replies(tmp_path: Path) -> None:
    """A plain client that asks for an acknowledgement gets Rasa's empty one, when the turn is over."""
    async with running(tmp_path, credentials=PERSISTENT) as server, page(server.url) as ada:
        answer = await ada.socket.call("user_uttered", {"message": "hello", "session_id": "ada"})
        seen = list(ada.got())

    assert (answer, seen) == (None, [{"text": "Hello."}])


async def test_same_message_id_runs_once(tmp_path: Path) -> None:
    """A plain client that names its messages may send them twice."""
    async with running(tmp_path, credentials=PERSISTENT) as server, page(server.url) as ada:
        for _ in range(2):
            await ada.say("hello", message_id="m1")
        await ada.say("count", message_id="m2")
        await until(lambda: len(ada.got()) >= 3)

    assert [reply["text"] for reply in ada.got()] == ["Hello.", "One.", "Two."]


async def test_minted_session_is_resumed_by_what_was_confirmed(tmp_path: Path) -> None:
    """A page that keeps what was confirmed goes on; one that insists on an id of its own is told no."""
    credentials = f"{PERSISTENT}  session_identity: minted\n"
    async with running(tmp_path, credentials=credentials) as server:
        async with page(server.url, None) as ada:
            confirmed = ada.got("session_confirm")[0]
            await ada.say("I am Ada", confirmed)
            await until(lambda: bool(ada.got()))
        async with page(server.url, confirmed) as again:
            await again.say("/name", confirmed)
            await until(lambda: bool(again.got()))
        async with page(server.url, joins=False) as stranger:
            await stranger.emit("session_request", {"session_id": confirmed.partition(".")[0]})
            await until(lambda: bool(stranger.got("error")))

    assert again.got()[-1] == {"text": "Hello, Ada."}
    assert stranger.got("error")[0]["code"] == "forbidden"

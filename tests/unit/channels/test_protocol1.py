"""Protocol 1 on sockets. What the requests do is `tests/unit/runtime/test_sessions.py`'s to test."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from manent.core.events import Json
from support.small_talk import Actions, failing, running, until
from unit.channels.sockets import PERSISTENT


class Client:
    """Packets as they are on the wire; notes the events, and waits for acknowledgements."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.events: list[tuple[str, Any]] = []
        self.answers: dict[int, Any] = {}
        self.order: list[str] = []
        self._number = 0

    async def read(self) -> None:
        """Read until the end."""
        async for message in self.socket:
            text: str = message.data
            if text.startswith("43"):
                ack, start, body = text[2:].partition("[")
                [self.answers[int(ack)]] = json.loads(start + body)
                self.order.append("answer")
            elif text.startswith("42"):
                event, payload = json.loads(text[2:])
                self.events.append((event, payload))
                self.order.append(event)
            elif text == "2":
                await self.socket.send_str("3")

    async def send(self, event: Any, payload: Any = None) -> None:
        """Send an event without asking for an acknowledgement."""
        await self.socket.send_str(f"42{json.dumps([event, payload])}")

    async def ask(self, event: Any, payload: Any = None) -> Any:
        """Send an event and return its acknowledgement."""
        number = self._number = self._number + 1
        await self.socket.send_str(f"42{number}{json.dumps([event, payload])}")
        await until(lambda: number in self.answers)
        return self.answers[number]

    async def join(self, session_id: str = "ada") -> Json:
        """Ask for a session."""
        answer: Json = await self.ask("session_request", {"protocol": 1, "session_id": session_id})
        return answer

    def got(self, event: str) -> list[Any]:
        """The payloads of an event."""
        return [payload for name, payload in self.events if name == event]


@contextlib.asynccontextmanager
async def client(url: str) -> AsyncIterator[Client]:
    """A client that has connected."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket") as socket,
    ):
        opened = Client(socket)
        reading = asyncio.create_task(opened.read())
        await socket.send_str("40")
        yield opened
        await socket.close()
        await reading


def said(text: str, message_id: str, session_id: str = "ada") -> Json:
    """A message."""
    return {"session_id": session_id, "message": text, "message_id": message_id}


async def test_both_sides_of_a_conversation_are_shown_to_all(tmp_path: Path) -> None:
    """Every protocol-1 socket, the sender's too, gets the user's message and the bot's, with their numbers."""
    async with (
        running(tmp_path, credentials=PERSISTENT) as server,
        client(server.url) as ada,
        client(server.url) as tab,
    ):
        await ada.join()
        joined = await tab.join()
        answer = await ada.ask("user_uttered", said("hello", "m1"))
        await until(lambda: bool(ada.got("bot_uttered")) and bool(tab.got("bot_uttered")))

    assert (joined["ok"], joined["messages"]) == (True, [])
    assert answer == {"ok": True, "seq": ada.got("user_uttered")[0]["seq"], "duplicate": False}
    assert ada.events == tab.events
    assert ada.got("bot_uttered")[0]["prev"] == answer["seq"]
    assert {"role"}.isdisjoint(ada.got("bot_uttered")[0])


async def test_an_error_comes_once(tmp_path: Path) -> None:
    """In the acknowledgement if one was asked for, else as an event; the message id goes with it."""
    async with running(tmp_path, credentials=PERSISTENT) as server, client(server.url) as ada:
        await ada.join()
        answers = [
            await ada.ask("nonsense", {}),
            await ada.ask("history_request", "x"),
            await ada.ask("user_uttered", said("", "m1") | {"message": 5}),
        ]
        asked = list(ada.events)
        await ada.send("nonsense", {"message_id": "m2"})
        await ada.send(["not", "a", "name"], {})
        await until(lambda: len(ada.got("error")) == 2)

    assert [answer["error"]["code"] for answer in answers] == ["unknown_request", "bad_request", "bad_request"]
    assert asked == []
    assert [(error["code"], error.get("message_id")) for error in ada.got("error")] == [
        ("unknown_request", "m2"),
        ("unknown_request", None),
    ]


async def test_a_refused_switch_leaves_the_socket_plain(tmp_path: Path) -> None:
    """A client that asks for a protocol that there is not stays what it was; the right one switches."""
    async with running(tmp_path, credentials=PERSISTENT) as server, client(server.url) as ada:
        refused = await ada.ask("session_request", {"protocol": 2, "session_id": "ada"})
        await ada.send("session_request", {"session_id": "ada"})
        await until(lambda: bool(ada.got("session_confirm")))
        await ada.send("user_uttered", {"session_id": "ada", "message": "hello"})
        await until(lambda: bool(ada.got("bot_uttered")))
        plain = ada.events.copy()
        joined = await ada.join()
        await ada.ask("user_uttered", said("count", "m1"))
        await until(lambda: len(ada.got("bot_uttered")) == 2)

    assert (refused["error"]["code"], refused["error"]["supported"]) == ("unsupported_protocol", [1])
    assert [event for event, _ in plain] == ["error", "session_confirm", "bot_uttered"]
    assert plain[-1][1] == {"text": "Hello."}
    assert [message["role"] for message in joined["messages"]] == ["user", "bot"]
    assert all("seq" in payload for payload in ada.got("bot_uttered")[1:])


async def test_a_protocol_1_client_may_become_plain(tmp_path: Path) -> None:
    """A `session_request` without a protocol makes a plain client of it: Rasa's keys, no echo, no list of sessions."""
    async with running(tmp_path, credentials=PERSISTENT) as server, client(server.url) as ada:
        await ada.join()
        await ada.ask("user_uttered", said("hello", "m1"))
        await until(lambda: bool(ada.got("bot_uttered")))
        ada.events.clear()
        await ada.send("session_request", {"session_id": "ada"})
        await ada.send("user_uttered", {"session_id": "ada", "message": "hello"})
        await until(lambda: bool(ada.got("bot_uttered")))

    assert ada.events == [("session_confirm", "ada"), ("bot_uttered", {"text": "Hello."})]


@pytest.mark.parametrize("event", ["session_list", "history_request"])
async def test_requests_that_name_their_session_need_no_join(tmp_path: Path, event: str) -> None:
    """A plain socket may ask them, too, and stays plain."""
    async with running(tmp_path, credentials=PERSISTENT) as server, client(server.url) as ada:
        answer = await ada.ask(event, {"session_id": "ada", "before": 10})
        await ada.send("user_uttered", {"session_id": "ada", "message": "hello"})
        await until(lambda: bool(ada.got("bot_uttered")))

    assert answer.get("ok") is (event == "history_request")
    assert ada.got("bot_uttered") == [{"text": "Hello."}]


async def test_the_answer_comes_before_what_it_does_not_have(tmp_path: Path) -> None:
    """After a reset the socket follows the new conversation, and other sockets learn where it continues."""
    async with (
        running(tmp_path, credentials=PERSISTENT) as server,
        client(server.url) as ada,
        client(server.url) as tab,
    ):
        await ada.join()
        await tab.join()
        fresh = await ada.ask("session_reset", {"session_id": "ada"})
        await ada.ask("user_uttered", said("hello", "m1", fresh["session_id"]))
        await until(lambda: bool(ada.got("bot_uttered")) and bool(tab.got("session_changed")))

    assert tab.got("session_changed") == [
        {"reason": "reset", "session_id": fresh["session_id"], "epoch": fresh["epoch"]}
    ]
    assert ada.got("session_changed") == []
    assert tab.got("bot_uttered") == []
    assert ada.order[:2] == ["answer", "answer"]


async def test_an_action_that_fails_is_reported(tmp_path: Path) -> None:
    """The visitor's client gets an `error` with the message it belongs to, beside the bot's apology."""
    async with (
        running(tmp_path, credentials=PERSISTENT, actions=Actions(work=failing)) as server,
        client(server.url) as ada,
    ):
        await ada.join()
        await ada.ask("user_uttered", said("work", "m1"))
        await until(lambda: bool(ada.got("error")) and bool(ada.got("bot_uttered")))

    assert [error["message_id"] for error in ada.got("error")] == ["m1"]

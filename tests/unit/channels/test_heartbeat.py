"""Sockets are asked whether their clients are there; those that don't answer are ended, and none is left behind."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio

from manent.channels.socketio.heartbeat import Heartbeat, ask
from support.small_talk import running, until
from unit.channels.sockets import ScriptedSocket


async def test_who_answers_is_asked_again_and_who_does_not_is_ended() -> None:
    """Each socket is asked after its pong; silence ends it; one that closes meanwhile is left alone."""
    ended: list[Any] = []
    heartbeat = Heartbeat(interval_s=0.03, timeout_s=0.05, end=ended.append)
    lively, silent, closing = ScriptedSocket(), ScriptedSocket(), ScriptedSocket()
    for one in (lively, silent, closing):
        one.heartbeat = heartbeat
        heartbeat.answered(one)
    closing.closing = True
    for _ in range(3):
        await until(lambda: lively.queue.qsize() > 0)
        assert lively.queue.get_nowait().packet_type == 2
        lively.ponged()
    await until(lambda: bool(ended))

    assert ended == [silent]
    assert silent.queue.qsize() == 1
    assert closing.queue.empty()


async def test_error_of_one_socket_does_not_end_the_heartbeat() -> None:
    """After one socket cannot be ended and another cannot be pinged, the others are still pinged."""

    def fail(_: Any) -> None:
        raise ValueError("anything")

    heartbeat = Heartbeat(interval_s=0.02, timeout_s=0.03, end=fail)
    silent, lively, broken = ScriptedSocket(), ScriptedSocket(), ScriptedSocket()
    broken.queue = None  # type: ignore[assignment]
    for one in (silent, broken, lively):
        one.heartbeat = heartbeat
        heartbeat.answered(one)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    for _ in range(5):
        await until(lambda: lively.queue.qsize() > 0, timeout_s=5)
        lively.queue.get_nowait()
        lively.ponged()


async def test_a_pong_out_of_turn_asks_nobody_twice() -> None:
    """A pong that answers no regular ping is shown to who watches, until they have seen enough, and changes nothing."""
    heartbeat = Heartbeat(interval_s=0.02, timeout_s=10, end=print)
    socket = ScriptedSocket()
    socket.heartbeat = heartbeat
    heartbeat.answered(socket)
    seen: list[bool] = []

    def enough() -> bool:
        seen.append(True)
        return len(seen) == 2

    socket.watch_pong = enough
    for _ in range(4):
        socket.ponged()
    await until(lambda: socket.queue.qsize() > 0)
    await asyncio.sleep(0.1)

    assert seen == [True, True]
    assert socket.queue.qsize() == 1


@pytest.mark.parametrize("is_pinged", [True, False])
async def test_asking_waits_for_the_right_pong(*, is_pinged: bool) -> None:
    """A pong that answers a regular ping sent before does not count, and later pongs change nothing."""
    heartbeat = Heartbeat(interval_s=10, timeout_s=10, end=print)
    socket = ScriptedSocket()
    socket.heartbeat = heartbeat
    socket.last_ping = 1.0 if is_pinged else None
    answers: list[bool] = []
    ask(socket, lambda: answers.append(True))
    seen = []
    for _ in range(3):
        socket.ponged()
        seen.append(len(answers))

    assert socket.queued() == ["2"]
    assert seen == ([0, 1, 1] if is_pinged else [1, 1, 1])


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Connections."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"], ["polling"]])
@pytest.mark.parametrize("short_way", [True, False])
async def test_no_socket_is_left(
    tmp_path: Path, http: aiohttp.ClientSession, transports: list[str], *, short_way: bool
) -> None:
    """A client that answers pings stays, with all transports; when it leaves, or dies, nothing of it is kept."""
    async with running(tmp_path, short_way=short_way) as server:
        channel = server.channel
        heartbeat, sockets = channel.server.heartbeat, channel.server.eio.sockets
        heartbeat.resting.wait_s, heartbeat.pinged.wait_s = 0.05, 1.0
        client = socketio.AsyncClient(reconnection=False, http_session=http)
        await client.connect(server.url, transports=transports)
        await asyncio.sleep(0.4)  # several pings
        assert client.connected
        assert len(sockets) == len(channel.server.connections) == 1
        await asyncio.wait_for(client.disconnect(), 10)
        await until(lambda: not sockets and not channel.server.connections)

        heartbeat.pinged.wait_s = 0.1
        dumb = await http.ws_connect(f"{server.url}/socket.io/?EIO=4&transport=websocket", autoping=False)
        await dumb.send_str("40")
        await until(lambda: len(channel.server.connections) == 1)
        began = time.monotonic()
        while (await dumb.receive()).type is not aiohttp.WSMsgType.CLOSE:
            assert time.monotonic() < began + 5
        await until(lambda: not sockets and not channel.server.connections)

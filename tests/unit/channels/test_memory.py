"""A visitor who leaves is freed at once: nothing waits for a garbage collection, however the visitor leaves."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from manent.channels.socketio.connection import Connection
from manent.channels.socketio.engine_socket import EngineSocket
from manent.channels.socketio.environ import Body
from manent.channels.socketio.websocket import WebSocket
from manent.runtime.conversation.conversation import Conversation
from manent.server.edge.connections import HttpConnection, WebSocketConnection
from support.small_talk import Running, running, until

KINDS = (
    Body,
    Connection,
    Conversation,
    EngineSocket,
    HttpConnection,
    RequestResponseCycle,
    WebSocket,
    WebSocketConnection,
)


LeftOver = Callable[[], list[str]]


def objects_of_visits() -> list[Any]:
    """Return the objects of visits that are in memory, garbage or not."""
    return [found for found in gc.get_objects() if isinstance(found, KINDS)]


@pytest.fixture
def left_over() -> Iterator[LeftOver]:
    """Turn the collector off, and return what names the objects of visits that began since."""
    gc.disable()
    before = objects_of_visits()
    known = {id(found) for found in before}
    yield lambda: sorted(type(found).__name__ for found in objects_of_visits() if id(found) not in known)
    gc.enable()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    """A server that keeps no trackers of conversations that nobody follows."""
    async with running(tmp_path) as opened:
        engine = opened.conversations.engine
        engine.limits = replace(engine.limits, cached_trackers=0)
        yield opened


async def visit(url: str, transports: list[str], http: aiohttp.ClientSession) -> socketio.AsyncClient:
    """Connect, join a session and get an answer."""
    client = socketio.AsyncClient(reconnection=False, http_session=http)
    answers: list[Any] = []
    client.on("bot_uttered", answers.append)
    await client.connect(url, transports=transports)
    await client.emit("session_request", {"session_id": "ada"})
    await client.emit("user_uttered", {"message": "hello", "session_id": "ada"})
    await until(lambda: bool(answers))
    return client


@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"], ["polling"]])
async def test_a_client_that_disconnects_is_freed(server: Running, left_over: LeftOver, transports: list[str]) -> None:
    """Its sockets, requests, connection and conversation are gone, on each transport."""
    async with aiohttp.ClientSession() as http:
        client = await visit(server.url, transports, http)
        await client.disconnect()

    await until(lambda: not left_over())


@pytest.mark.parametrize("frames", [[], ["40"], ["40", "nonsense"], ["40", '42["session_request",{}]', "41"]])
async def test_a_websocket_that_breaks_off_is_freed(server: Running, left_over: LeftOver, frames: list[str]) -> None:
    """Whatever it sent before, its objects are gone."""
    async with aiohttp.ClientSession() as http:
        socket = await http.ws_connect(f"{server.url}/socket.io/?EIO=4&transport=websocket")
        for frame in frames:
            await socket.send_str(frame)
        await asyncio.sleep(0.1)
        transport = socket.get_extra_info("socket")
        assert transport is not None
        transport.shutdown(2)
        await socket.close()

    await until(lambda: not left_over())


async def test_a_refused_websocket_is_freed(server: Running, left_over: LeftOver) -> None:
    """A handshake of another origin, and one of an unknown session, leave nothing."""
    async with aiohttp.ClientSession() as http:
        for query, origin in (("", "https://elsewhere.example"), ("&sid=unknown", server.url)):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await http.ws_connect(
                    f"{server.url}/socket.io/?EIO=4&transport=websocket{query}", headers={"Origin": origin}
                )

    await until(lambda: not left_over())


async def test_a_client_that_stops_polling_is_freed(server: Running, left_over: LeftOver) -> None:
    """After the time limit for its pong, nothing of it is left."""
    heartbeat = server.channel.server.heartbeat
    heartbeat.resting.wait_s = heartbeat.pinged.wait_s = 0.05
    async with aiohttp.ClientSession() as http:
        address = f"{server.url}/socket.io/?EIO=4&transport=polling"
        async with http.get(address) as answer:
            opened = await answer.text()
        sid = opened.partition('"sid":"')[2].partition('"')[0]
        async with http.post(f"{address}&sid={sid}", data="40") as answer:
            assert answer.status == 200

    await until(lambda: not left_over())


async def test_thousands_of_sockets_end_in_time(server: Running) -> None:
    """The end of one socket does not search all others."""
    manager = server.channel.server.manager
    manager.server.eio.generate_id = iter(range(10**6)).__next__
    sids = [await manager.pre_connect(f"engine {number}", "/") for number in range(20_000)]
    assert list(manager.rooms["/"]) == [None]
    async with asyncio.timeout(5):
        for sid in sids:
            await manager.disconnect(sid, "/")

    assert manager.rooms == {}

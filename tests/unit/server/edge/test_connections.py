"""Peers that send slowly, endlessly, or do not read: each on the loop that the server runs on."""

import asyncio
import base64
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import uvicorn
import uvloop

from manent.server.edge import connections

PLENTY = b"x" * 20_000_000

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


class Server(uvicorn.Server):
    """A server that leaves signals to the tests."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing."""
        yield


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with much, over HTTP and over WebSockets; `/little` with little."""
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        with contextlib.suppress(Exception):
            for _ in range(20):
                await send({"type": "websocket.send", "bytes": PLENTY[:1_000_000]})
        while (await receive())["type"] != "websocket.disconnect":
            pass
    else:
        body = b"little" if scope["path"] == "/little" else PLENTY
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[str, int]]:
    """Serve the application with our connections."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=connections.HttpConnection,
        ws=connections.WebSocketConnection,
        log_config=None,
        ws_per_message_deflate=False,
        timeout_keep_alive=1,
    )
    server = Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110  # it has no event
        await asyncio.sleep(0.01)
    try:
        yield listening.getsockname()
    finally:
        server.should_exit = server.force_exit = True
        await task
        listening.close()


def against(client: Client) -> float:
    """Run a client until the server has hung up; return the seconds that it took."""

    async def main() -> float:
        async with serving() as address:
            reader, writer = await asyncio.open_connection(*address, limit=1_000)
            began = time.monotonic()
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(10):
                    await client(reader, writer)
            took = time.monotonic() - began
            writer.transport.abort()
            return took

    return uvloop.run(main())


async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Become a WebSocket."""
    key = base64.b64encode(os.urandom(16))
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")


async def hung_up(writer: asyncio.StreamWriter) -> None:
    """Write until that is refused, without ever reading."""
    while True:
        writer.write(b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second is long."""
    monkeypatch.setattr(connections, "HEAD_TIMEOUT_S", 0.5)
    monkeypatch.setattr(connections, "READ_INTERVAL_S", 0.5)


@pytest.mark.parametrize(
    "said", [b"", b"\r\n", b"GET / HT", b"GET / HTTP/1.1\r\nA: b\r\n", b"GET /little HTTP/1.1\r\nHost: x\r\n\r\n"]
)
def test_a_head_comes_in_time(said: bytes) -> None:
    """A connection that says nothing, half a request, or nothing after its first one, ends; also one that trickles."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        if b"/little" in said:
            await reader.readuntil(b"little")
            writer.write(b"\r\n")
        while await reader.read(100):
            pass

    assert against(client) < 5


def test_a_head_is_bounded() -> None:
    """A header without end is cut off, far before it fills the memory."""
    sent = 0

    async def client(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"GET / HTTP/1.1\r\nA: ")
        while sent < 100_000_000:
            writer.write(b"x" * 10_000)
            await writer.drain()
            sent += 10_000

    assert against(client) < 5
    assert sent < 20_000_000


def test_an_answer_that_is_not_read_is_given_up() -> None:
    """Over HTTP and over a WebSocket, a peer that takes nothing is cut off; one that reads slowly gets everything."""

    async def sleeper(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await hung_up(writer)

    async def sleeper_of_a_websocket(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        while True:
            writer.write(b"\x8a\x80\x00\x00\x00\x00")  # a pong that nobody asked for
            await writer.drain()
            await asyncio.sleep(0.05)

    got = 0

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while piece := await reader.read(100_000):
            got += len(piece)
            await asyncio.sleep(0.02 if got < len(PLENTY) // 4 else 0)

    assert against(sleeper) < 5
    assert against(sleeper_of_a_websocket) < 5
    assert against(slow) > 0.5
    assert got > len(PLENTY)


def test_pings_that_are_not_listened_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A WebSocket that pings and never reads cannot make the server keep all the answers."""
    monkeypatch.setattr(connections, "READ_INTERVAL_S", 60)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        ping = b"\x89\xfd\x00\x00\x00\x00" + b"x" * 125
        while True:
            writer.write(ping * 1_000)
            await writer.drain()

    assert against(client) < 9

"""The WebSocket below Engine.IO: what takes the fast path. `tests/properties/test_wire.py` compares both paths."""

import asyncio
from types import SimpleNamespace
from typing import Any

import engineio.packet
import pytest

from manent.channels.socketio.websocket import WIRE, WebSocket
from support.small_talk import until
from unit.channels.sockets import ScriptedSocket

MAX_PACKET = 50


class Wire:
    """The HTTP server's end: takes what it is given while `is_writable`."""

    def __init__(self) -> None:
        self.take: Any = None
        self.is_writable = True
        self.written: list[bytes] = []

    def start(self, take: Any) -> None:
        """Start."""
        self.take = take

    def write(self, text: bytes) -> bool:
        """Send."""
        if self.is_writable:
            self.written.append(text)
        return self.is_writable

    def begin_close(self) -> None:
        """Close."""


class Server:
    """A WebSocket that is being served, with a script in place of the client."""

    def __init__(self, *, wire: Wire | None, max_size: int = 30) -> None:
        self.socket = ScriptedSocket()
        self.pongs = 0
        self.events: list[tuple[str, str]] = []
        self.out: list[dict[str, Any]] = []
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        engine = self.socket
        engine.ponged = self._ponged  # type: ignore[method-assign]
        engine.server = SimpleNamespace(reason=SimpleNamespace(TRANSPORT_CLOSE="gone"))
        server = SimpleNamespace(max_http_buffer_size=MAX_PACKET)
        self.websocket = WebSocket(self.handler, server, take_event=self._take, max_size=max_size)
        extensions = {} if wire is None else {WIRE: wire}
        self.environ = {
            "asgi.receive": self.incoming.get,
            "asgi.send": self._send,
            "asgi.scope": {"extensions": extensions},
        }

    @property
    def handler(self) -> Any:
        """A bound method of the socket, as python-engineio gives one."""
        return self.socket.receive

    def client(self, *texts: str) -> None:
        """Send text messages."""
        for text in texts:
            self.incoming.put_nowait({"type": "websocket.receive", "text": text})

    def leave(self) -> None:
        """Close, as the client."""
        self.incoming.put_nowait({"type": "websocket.disconnect"})

    async def serve(self) -> None:
        """Serve until the client leaves."""
        await asyncio.wait_for(self.websocket(self.environ), 10)

    def _ponged(self) -> None:
        self.pongs += 1

    def _take(self, sid: str, packet: str) -> bool:
        self.events.append((sid, packet))
        return "malformed" not in packet

    async def _send(self, message: dict[str, Any]) -> None:
        self.out.append(message)

    def written(self) -> list[str]:
        """The texts that went out by ASGI."""
        return [message["text"] for message in self.out if message.get("text") is not None]


@pytest.mark.parametrize("offers_wire", [True, False])
async def test_events_and_pongs_take_the_fast_path(*, offers_wire: bool) -> None:
    """Events go to their taker, pongs to the heartbeat; all else, and events that it declines, to python-engineio."""
    server = Server(wire=Wire() if offers_wire else None)
    server.client('42["a"]', "3", "41", '42["malformed"]', "42" + "x" * 30)
    server.leave()
    await server.serve()

    assert server.events == [("engine", '2["a"]'), ("engine", '2["malformed"]')]
    assert server.pongs == 1
    assert [packet.encode() for packet in server.socket.received] == ["41", '42["malformed"]', "42" + "x" * 30]
    assert server.socket.closed


async def test_too_large_a_packet_closes() -> None:
    """A packet above the limit ends the socket."""
    server = Server(wire=None)
    server.client("4" + "x" * MAX_PACKET)
    await server.serve()

    assert (server.socket.received, server.socket.closed) == ([], True)


@pytest.mark.parametrize(("second", "is_upgraded"), [("5", True), ("41", False), (None, False)])
async def test_upgrade_from_polling(second: str | None, *, is_upgraded: bool) -> None:
    """A probe is answered, the open poll is ended, and the socket changes over at the client's word only."""
    server = Server(wire=None)
    server.socket.connected = True
    server.client("2probe", *([second] if second else []))
    server.leave()
    await server.serve()

    assert server.written()[0] == "3probe"
    assert (server.socket.upgraded, server.socket.upgrading) == (is_upgraded, False)


async def test_packets_are_written_at_once_only_when_nothing_waits() -> None:
    """Past the queue only while the writer waits for it and the peer is quick; the order is that of the calls."""
    wire = Wire()
    server = Server(wire=wire)
    assert not server.socket.write_now(b"4early")
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.socket.is_writer_waiting)

    taken = [server.socket.write_now(b"4one")]
    server.socket.queue.put_nowait(engineio.packet.Packet(engineio.packet.MESSAGE, "two"))
    taken.append(server.socket.write_now(b"4not before two"))
    await until(lambda: bool(server.written()))
    wire.is_writable = False
    taken.append(server.socket.write_now(b"4slow"))
    server.leave()
    await serving

    assert taken == [True, False, False]
    assert (wire.written, server.written()) == ([b"4one"], ["4two"])


async def test_what_is_queued_before_the_end_is_sent() -> None:
    """None in the queue ends the writing, after the packets before it."""
    server = Server(wire=None)
    for packet in ("a", "b"):
        server.socket.queue.put_nowait(engineio.packet.Packet(engineio.packet.MESSAGE, packet))
    server.socket.queue.put_nowait(None)
    serving = asyncio.create_task(server.serve())
    await until(lambda: bool(server.out) and server.out[-1]["type"] == "websocket.close")
    server.leave()
    await serving

    assert server.written() == ["4a", "4b"]

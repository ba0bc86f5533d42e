"""The WebSocket below an Engine.IO socket, with a fast path for events, pongs and outgoing packets.

python-engineio starts three tasks and two timers for each message in each direction, which costs about as much as a
whole turn. Here an event goes straight to its connection. If the HTTP server offers its end of the WebSocket (a
`Wire`), messages also skip the queues and tasks of both libraries. Events are then taken from the bytes that the event
loop has read, and a packet is written by the call that created it. All other packets (connect, upgrade, close) go
through python-engineio. `docs/decisions/086-events-past-the-libraries.md` describes this decision.

python-engineio creates the `WebSocket`, because `server.py` registers this class in place of that of the library.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Protocol

import engineio.exceptions
import engineio.packet
from engineio.async_drivers import asgi

log = logging.getLogger("manent.socketio")

EVENT = "42"
"""Prefix of an Engine.IO message that contains a Socket.IO event."""

PONG = "3"
PROBE = "2probe"
PROBED = "3probe"
UPGRADE = "5"
"""Packets by which a client changes from polling to a WebSocket (Engine.IO protocol 4, "Upgrade")."""

NOT_A_PACKET = b"x"
"""A text that Engine.IO clients cannot decode. They then close the WebSocket themselves, and connect again.

The protocol has no packet for this on a WebSocket. After a close frame of the server, a client would lose what it sends
until the connection is closed, a round trip later.
"""

CLOSE_AFTER_S = 0.25
"""Seconds that a client may take to do so, before it gets a close frame."""

WIRE = "manent.wire"
"""Name of the ASGI extension under which the HTTP server offers a WebSocket's `Wire`."""

TakeEvent = Callable[[str, str], bool]
"""Takes the Engine.IO id of a socket and an event's packet. Returns False if python-socketio must read the packet."""


class Wire(Protocol):
    """The HTTP server's end of a WebSocket, for messages that need not wait behind others.

    Attributes:
        take: called with a complete text message if no other message waits to be received. It returns False if the
            message must be received in the usual way.
    """

    take: Callable[[str], bool] | None

    def write(self, text: bytes) -> bool:
        """Send a text message (UTF-8) immediately. Return False if the WebSocket is closing or its peer is slow."""

    def begin_close(self) -> None:
        """Ask the peer to close the WebSocket. What it sent before it read this is still received."""


class WebSocket(asgi.WebSocket):  # type: ignore[misc]  # the package has no types
    """One WebSocket.

    Args:
        handler: the loop of the Engine.IO socket that reads and writes. This class replaces it.
        server: the server of python-engineio.
        take_event: takes events on the fast path.
        max_size: maximum number of characters of an event on the fast path.
    """

    def __init__(self, handler: Any, server: Any, *, take_event: TakeEvent, max_size: int) -> None:
        super().__init__(handler, server)
        self._socket = handler.__self__
        self._max_packet = server.max_http_buffer_size
        self._take_event = take_event
        self._max_size = max_size
        self._wire: Wire | None = None
        self._is_writer_waiting = False
        self._socket.poll = self._poll

    async def __call__(self, environ: dict[str, Any]) -> Any:
        """Serve the WebSocket until it closes."""
        self.asgi_receive, self.asgi_send = environ["asgi.receive"], environ["asgi.send"]
        await self.asgi_send({"type": "websocket.accept"})
        if await self._begin():
            self._wire = environ["asgi.scope"].get("extensions", {}).get(WIRE)
            if self._wire is not None:
                self._wire.take = self._take_text
                self._socket.write_now = self._write_now
                self._socket.begin_close = self._wire.begin_close
            await self._serve()
        return ""

    async def wait(self) -> Any:
        """Return the next packet that python-engineio must read.

        Raises:
            OSError: the client has disconnected.
        """
        while True:
            event = await self.asgi_receive()
            if event["type"] != "websocket.receive":
                raise OSError
            text = event.get("text")
            if text is None:
                return event["bytes"]
            if not self._take_text(text):
                return text

    async def _begin(self) -> bool:
        """Connect, or complete the upgrade from polling. Return False if the client does not complete it."""
        socket = self._socket
        if not socket.connected:
            socket.connected = socket.upgraded = True
            return True
        socket.upgrading = True  # python-engineio sends nothing in the meantime
        try:
            if await self.wait() == PROBE:
                await self.send(PROBED)
                await socket.queue.put(engineio.packet.Packet(engineio.packet.NOOP))  # this ends the poll
                socket.upgraded = await self.wait() == UPGRADE
        except OSError:
            return False
        finally:
            socket.upgrading = False
        return bool(socket.upgraded)

    async def _serve(self) -> None:
        socket = self._socket
        writing = asyncio.get_running_loop().create_task(self._write())
        try:
            while (text := await self.wait()) and len(text) <= self._max_packet:
                with contextlib.suppress(engineio.exceptions.UnknownPacketError):
                    await socket.receive(engineio.packet.Packet(encoded_packet=text))
        except (OSError, ValueError, engineio.exceptions.SocketIsClosedError) as error:
            log.debug("a socket ended", exc_info=error)
        finally:
            await socket.queue.put(None)
            await writing
            await socket.close(wait=False, abort=True, reason=socket.server.reason.TRANSPORT_CLOSE)

    async def _write(self) -> None:
        """Send the packets of the queue until the socket is closed or sending fails."""
        with contextlib.suppress(OSError, RuntimeError, engineio.exceptions.QueueEmpty):
            while packets := await self._poll():
                for packet in packets:
                    await self.send(packet.encode())
        await self.close()

    def _take_text(self, text: str) -> bool:
        if text.startswith(EVENT):
            return len(text) <= self._max_size and self._take_event(self._socket.sid, text[1:])
        if text == PONG:
            self._socket.ponged()
            return True
        return False

    def _write_now(self, text: bytes) -> bool:
        """Send a message immediately. Return False if other packets wait to be sent or the wire does not accept it."""
        return (
            self._is_writer_waiting and self._socket.queue.empty() and self._wire is not None and self._wire.write(text)
        )

    async def _poll(self) -> list[Any]:
        """Wait for packets to send and return them. Return an empty list if the socket must be closed.

        This replaces `poll` of python-engineio, which sets a timer for each call. The timer is not needed, because a
        ping is always queued before the timer would fire.
        """
        queue = self._socket.queue
        self._is_writer_waiting = True
        try:
            packets = [await queue.get()]
        except asyncio.CancelledError:
            raise engineio.exceptions.QueueEmpty from None
        finally:
            self._is_writer_waiting = False
        queue.task_done()
        while packets[-1] is not None and not queue.empty():
            packets.append(queue.get_nowait())
            queue.task_done()
        if packets[-1] is None:
            packets.pop()
            if packets:
                queue.put_nowait(None)
        return packets


def send_now(socket: Any, packet: bytes) -> bool:
    """Send an Engine.IO packet without the queue of its socket. Return False if it must be queued."""
    write_now: Callable[[bytes], bool] | None = getattr(socket, "write_now", None)
    return write_now is not None and write_now(packet)


def begin_close(socket: Any) -> None:
    """Ask the client of an Engine.IO socket to close it. The client then connects again.

    Packets that the client sent before it read this are still received: unlike `close` of the socket, this loses none.
    """
    by_wire: Callable[[], None] | None = getattr(socket, "begin_close", None)
    if by_wire is None:  # polling: the answer to the waiting poll
        socket.queue.put_nowait(engineio.packet.Packet(engineio.packet.CLOSE))
    elif send_now(socket, NOT_A_PACKET):
        asyncio.get_running_loop().call_later(CLOSE_AFTER_S, by_wire)
    else:
        by_wire()

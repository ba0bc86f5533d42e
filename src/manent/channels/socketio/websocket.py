"""The WebSocket below an Engine.IO socket, with a fast path for events, pongs and outgoing packets.

python-engineio starts three tasks and two timers for each message in each direction, which costs about as much as a
whole turn. Here an event goes straight to its connection. If the HTTP server offers its end of the WebSocket (a
`Wire`), messages also skip the queues and tasks of both libraries. Events are then taken from the bytes that the event
loop has read, and a packet is written by the call that created it. All other packets (connect, upgrade, close) go
through python-engineio. `docs/decisions/086-websocket-fast-path.md` describes this decision.

python-engineio creates the `WebSocket`, because `server.py` registers this class in place of that of the library.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import engineio.exceptions
import engineio.packet
from engineio.async_drivers import asgi

from manent.channels.socketio.engine_socket import EngineSocket

log = logging.getLogger("manent.socketio")

EVENT = "42"
"""Prefix of an Engine.IO message that contains a Socket.IO event."""

PONG = "3"
PROBE = "2probe"
PROBED = "3probe"
UPGRADE = "5"
"""Packets by which a client changes from polling to a WebSocket (Engine.IO protocol 4, "Upgrade")."""

WIRE = "manent.wire"
"""Name of the ASGI extension under which the HTTP server offers a WebSocket's `Wire`."""

TakeEvent = Callable[[str, str], bool]
"""Takes the Engine.IO id of a socket and an event's packet. Returns False if python-socketio must read the packet."""


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
        self._socket: EngineSocket = handler.__self__
        self._max_packet = server.max_http_buffer_size
        self._take_event = take_event
        self._max_size = max_size

    async def __call__(self, environ: dict[str, Any]) -> Any:
        """Serve the WebSocket until it closes."""
        self.asgi_receive, self.asgi_send = environ["asgi.receive"], environ["asgi.send"]
        await self.asgi_send({"type": "websocket.accept"})
        if await self._begin():
            scope = environ["asgi.scope"]
            wire = scope.get("extensions", {}).pop(WIRE, None)
            environ.clear()  # python-engineio keeps it as long as the WebSocket is open, and no longer reads it
            if wire is not None:
                wire.start(self._take_text)
                self._socket.wire = wire
            del scope, wire, environ
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
            while packets := await self._socket.poll():
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

"""The WebSocket below an Engine.IO socket, with a fast path for events, pongs and outgoing packets.

python-engineio starts three tasks and two timers for each message in each direction, which takes about as much time as
a whole turn. This class passes an event directly to its connection. If the HTTP server provides its end of the
WebSocket (a `Wire`), messages also bypass the queues and tasks of both libraries: an event is handled as soon as its
bytes are read, and a packet is written immediately. All other packets (connect, upgrade, close) go through
python-engineio. `docs/decisions/086-websocket-fast-path.md` describes this decision.

`server.py` registers this class instead of python-engineio's, so python-engineio creates the `WebSocket`.
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
"""Packets with which a client changes from polling to a WebSocket (Engine.IO protocol 4, "Upgrade")."""

WIRE = "manent.wire"
"""Name of the ASGI extension in which the HTTP server provides a WebSocket's `Wire`."""

TakeEvent = Callable[[str, str], bool]
"""A function of a socket's Engine.IO id and an event packet.

It returns False if python-socketio must read the packet.
"""


class WebSocket(asgi.WebSocket):  # type: ignore[misc]  # the package has no types
    """One WebSocket.

    Args:
        handler: the Engine.IO socket's loop for reading and writing, which this class replaces.
        server: the server of python-engineio.
        take_event: called with the events on the fast path.
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
            environ.clear()  # python-engineio keeps it until the WebSocket closes, but does not use it
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

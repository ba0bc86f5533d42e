"""The WebSocket below one Engine.IO socket, with a short way for what there is most of: events and pongs.

python-engineio starts three tasks and two timers for each message that comes in and goes out; that is as much work as
a whole turn's. Here an event goes straight to its connection, and waiting is waiting: `socketio/heartbeat.py` ends
sockets whose clients are gone. Where the server offers its end of the wire (`Wire`), they go past the queues and tasks
of both libraries: in with the bytes that the event loop has read, out with the call that decided them. All other
packets (connecting, upgrading, closing) are Engine.IO's as before. Made by python-engineio, because `socketio.py` names
it in the place of its own.
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
"""An Engine.IO message that is a Socket.IO event."""

PONG = "3"
PROBE = "2probe"
PROBED = "3probe"
UPGRADE = "5"
"""The packets with which a client changes from polling to a WebSocket (Engine.IO protocol 4, "Upgrade")."""

WIRE = "manent.wire"
"""Name of the ASGI extension under which a server offers a WebSocket's `Wire`."""

Take = Callable[[str, str], bool]
"""Called with Engine.IO's id of the socket and an event's packet; False: it has to go the long way."""


class Wire(Protocol):
    """A WebSocket's end at the server, for what need not wait behind anything.

    Attributes:
        take: called with a whole text message when none waits to be received; False: it is to be received as usual.
    """

    take: Callable[[str], bool] | None

    def write(self, text: bytes) -> bool:
        """Send a text message (UTF-8) at once; False when that can't be: it is closing, or its peer is slow."""


class WebSocket(asgi.WebSocket):  # type: ignore[misc]  # the package has no types
    """One WebSocket.

    Args:
        handler: the Engine.IO socket's own way of reading and writing, whose place this takes.
        server: Engine.IO's.
        take: what takes events.
        longest: characters of an event that may go the short way.
    """

    def __init__(self, handler: Any, server: Any, *, take: Take, longest: int) -> None:
        super().__init__(handler, server)
        self._socket = handler.__self__
        self._longest_packet = server.max_http_buffer_size
        self._take = take
        self._longest = longest
        self._wire: Wire | None = None
        self._resting = False
        self._socket.poll = self._poll

    async def __call__(self, environ: dict[str, Any]) -> Any:
        """Serve the WebSocket until its end."""
        self.asgi_receive, self.asgi_send = environ["asgi.receive"], environ["asgi.send"]
        await self.asgi_send({"type": "websocket.accept"})
        if await self._begin():
            self._wire = environ["asgi.scope"].get("extensions", {}).get(WIRE)
            if self._wire is not None:
                self._wire.take = self._take_text
                self._socket.write_now = self._write_now
            await self._serve()
        return ""

    async def wait(self) -> Any:
        """Return the next packet that Engine.IO has to look at.

        Raises:
            OSError: the client has left.
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
        """Connect, or go on from polling; False when that is not what the client wants."""
        socket = self._socket
        if not socket.connected:
            socket.connected = socket.upgraded = True
            return True
        socket.upgrading = True  # nothing is sent meanwhile
        try:
            if await self.wait() == PROBE:
                await self.send(PROBED)
                await socket.queue.put(engineio.packet.Packet(engineio.packet.NOOP))  # ends the poll
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
            while (text := await self.wait()) and len(text) <= self._longest_packet:
                with contextlib.suppress(engineio.exceptions.UnknownPacketError):
                    await socket.receive(engineio.packet.Packet(encoded_packet=text))
        except (OSError, ValueError, engineio.exceptions.SocketIsClosedError) as error:
            log.debug("a socket ends", exc_info=error)
        finally:
            await socket.queue.put(None)
            await writing
            await socket.close(wait=False, abort=True, reason=socket.server.reason.TRANSPORT_CLOSE)

    async def _write(self) -> None:
        """Send what is put into the queue, until that is nothing, or can't be sent."""
        with contextlib.suppress(OSError, RuntimeError, engineio.exceptions.QueueEmpty):
            while packets := await self._poll():
                for packet in packets:
                    await self.send(packet.encode())
        await self.close()

    def _take_text(self, text: str) -> bool:
        if text.startswith(EVENT):
            return len(text) <= self._longest and self._take(self._socket.sid, text[1:])
        if text == PONG:
            self._socket.ponged()
            return True
        return False

    def _write_now(self, text: bytes) -> bool:
        """Send a message before anybody else gets to; False when something waits to be sent, or it can't be."""
        return self._resting and self._socket.queue.empty() and self._wire is not None and self._wire.write(text)

    async def _poll(self) -> list[Any]:
        """Return the packets that wait to be sent, at least one; none when the socket is to be closed.

        In the place of Engine.IO's, which gives up after a while; but there is always a ping before that.
        """
        queue = self._socket.queue
        self._resting = True
        try:
            packets = [await queue.get()]
        except asyncio.CancelledError:
            raise engineio.exceptions.QueueEmpty from None
        finally:
            self._resting = False
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
    """Send an Engine.IO packet past the queue of its socket; False when there is no way past it."""
    write_now: Callable[[bytes], bool] | None = getattr(socket, "write_now", None)
    return write_now is not None and write_now(packet)

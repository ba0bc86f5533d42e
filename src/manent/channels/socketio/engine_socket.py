"""Replaces python-engineio's socket by one without tasks, timers and reference cycles.

python-engineio creates the sockets and offers no way to choose their class, so `adopt` changes it. A socket must not
refer to its `WebSocket` or `Connection`: they refer to it, and everything of a visitor who leaves must be freed at
once, without a garbage collection. Decision: `docs/decisions/098-free-visitors-by-reference-counts.md`.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import engineio
import engineio.async_socket
import engineio.exceptions
import engineio.packet

from manent.channels.socketio.lean_queue import LeanQueue

NOT_A_PACKET = b"x"
"""A text that Engine.IO clients cannot decode. They then close the WebSocket themselves, and connect again.

The protocol has no packet for this on a WebSocket. After a close frame of the server, a client would lose what it sends
until the connection is closed, a round trip later.
"""

CLOSE_AFTER_S = 0.25
"""Seconds that a client may take to do so, before it gets a close frame."""


class Wire(Protocol):
    """The HTTP server's end of a WebSocket, for messages that need not wait behind others."""

    def start(self, take: Callable[[str], bool]) -> None:
        """Begin after the handshake.

        Args:
            take: called with a whole text message when none waits to be received; returns False if the message must
                be received in the usual way.
        """

    def write(self, text: bytes) -> bool:
        """Send a text message (UTF-8) immediately. Return False if the WebSocket is closing or its peer is slow."""

    def begin_close(self) -> None:
        """Ask the peer to close the WebSocket. What it sent before it read this is still received."""


class Pinger(Protocol):
    """Pings sockets. See `heartbeat.py`."""

    def answered(self, socket: Any) -> None:
        """Schedule the next ping of a socket."""


class EngineSocket(engineio.async_socket.AsyncSocket):  # type: ignore[misc]  # the package has no types
    """One Engine.IO socket.

    Attributes:
        heartbeat: pings it.
        queue: packets that wait to be sent; None ends the socket.
        watch_pong: called at each pong until it returns True.
        wire: writes to its WebSocket, if the HTTP server offers this.
        is_writer_waiting: whether the task that sends the packets of the queue waits for one.
    """

    heartbeat: Pinger
    queue: LeanQueue[Any]
    watch_pong: Callable[[], bool] | None = None
    wire: Wire | None = None
    is_writer_waiting = False

    def schedule_ping(self) -> None:
        """Have the heartbeat ping the client; python-engineio would start a task."""
        self.heartbeat.answered(self)

    def ponged(self) -> None:
        """Handle a pong."""
        if self.watch_pong is not None and self.watch_pong():
            self.watch_pong = None
        self.heartbeat.answered(self)

    async def receive(self, packet: Any) -> None:
        """Handle a packet.

        Raises:
            UnknownPacketError, SocketIsClosedError: as in python-engineio.
        """
        if packet.packet_type == engineio.packet.PONG:
            self.ponged()
        else:
            await super().receive(packet)
            if self.closed:  # by its client; without None, a waiting poll would wait for 45 seconds
                self.queue.put_nowait(None)

    async def poll(self) -> list[Any]:
        """Wait for packets to send and return them. Return an empty list if the socket must be closed.

        python-engineio sets a timer for each call. A WebSocket does not need it: a ping is always queued before it
        would fire.

        Raises:
            QueueEmpty: no packet came.
        """
        if not self.upgraded:
            packets: list[Any] = await super().poll()
            return packets
        queue = self.queue
        self.is_writer_waiting = True
        try:
            packets = [await queue.get()]
        except asyncio.CancelledError:
            raise engineio.exceptions.QueueEmpty from None
        finally:
            self.is_writer_waiting = False
        queue.task_done()
        while packets[-1] is not None and not queue.empty():
            packets.append(queue.get_nowait())
            queue.task_done()
        if packets[-1] is None:
            packets.pop()
            if packets:
                queue.put_nowait(None)
        return packets

    def write_now(self, text: bytes) -> bool:
        """Send a packet at once; return False if other packets wait to be sent or the wire does not take it."""
        return self.is_writer_waiting and self.queue.empty() and self.wire is not None and self.wire.write(text)

    def begin_close(self) -> None:
        """Ask the client to close the socket. The client then connects again.

        Packets that the client sent before it read this are still received: unlike `close`, this loses none.
        """
        if self.wire is None:  # polling: the answer to the waiting poll
            self.queue.put_nowait(engineio.packet.Packet(engineio.packet.CLOSE))
        elif self.write_now(NOT_A_PACKET):
            asyncio.get_running_loop().call_later(CLOSE_AFTER_S, self.wire.begin_close)
        else:
            self.wire.begin_close()


class EngineServer(engineio.AsyncServer):  # type: ignore[misc]  # the package has no types
    """python-engineio's server with smaller queues."""

    def create_queue(self, *_: Any, **__: Any) -> LeanQueue[Any]:
        """Return the queue of a new socket's packets."""
        return LeanQueue()


def adopt(socket: Any, heartbeat: Pinger) -> None:
    """Turn a socket that python-engineio has just created into an `EngineSocket`."""
    socket.__class__ = EngineSocket
    socket.heartbeat = heartbeat

"""Replaces python-engineio's socket class with one that needs no tasks, timers or reference cycles.

python-engineio creates the sockets and has no option for their class, so `adopt` changes the class of a new socket. A
socket must not refer to its `WebSocket` or `Connection`, because both refer to the socket. Without such cycles, the
memory of a visitor who leaves is freed immediately, without garbage collection. Decision:
`docs/decisions/098-free-visitors-by-reference-counts.md`.
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
"""A text that Engine.IO clients cannot decode. On receiving it, they close the WebSocket and connect again.

Engine.IO has no packet with this effect on a WebSocket. If the server sent a close frame, packets that the client sends
during the next round trip would be lost.
"""

CLOSE_AFTER_S = 0.25
"""Number of seconds that a client has to close the WebSocket before the server sends a close frame."""


class Wire(Protocol):
    """The HTTP server's end of a WebSocket, which sends and receives messages without queues."""

    def start(self, take: Callable[[str], bool]) -> None:
        """Start to receive messages after the handshake.

        Args:
            take: function that is called with a complete text message if no other message is queued. It returns False
                if the message must go through the queue.
        """

    def write(self, text: bytes) -> bool:
        """Send a text message (UTF-8) immediately.

        Return False if the WebSocket is closing or the client reads slowly.
        """

    def begin_close(self) -> None:
        """Send a close frame, and still receive the messages that the client sends before it reads this frame."""


class Pinger(Protocol):
    """Pings sockets. See `heartbeat.py`."""

    def answered(self, socket: Any) -> None:
        """Schedule the next ping of a socket."""


class EngineSocket(engineio.async_socket.AsyncSocket):  # type: ignore[misc]  # the package has no types
    """One Engine.IO socket.

    Attributes:
        heartbeat: pings the socket.
        queue: packets to send. None ends the socket.
        watch_pong: called at each pong until it returns True.
        wire: writes to the WebSocket directly, or None if the HTTP server does not support this.
        is_writer_waiting: whether the task that sends the queued packets is waiting for a packet.
    """

    heartbeat: Pinger
    queue: LeanQueue[Any]
    watch_pong: Callable[[], bool] | None = None
    wire: Wire | None = None
    is_writer_waiting = False

    def schedule_ping(self) -> None:
        """Schedule a ping in the heartbeat, where python-engineio would start a task."""
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
            if self.closed:  # by its client; without None, a waiting poll would last 45 seconds
                self.queue.put_nowait(None)

    async def poll(self) -> list[Any]:
        """Wait for packets to send and return them. Return an empty list if the socket must be closed.

        python-engineio sets a timer for each call. This is unnecessary for a WebSocket, because a ping is always queued
        before the timer would fire.

        Raises:
            QueueEmpty: there is no packet to send.
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
        """Send a packet immediately.

        Return False if other packets are queued or the wire does not accept the packet.
        """
        return self.is_writer_waiting and self.queue.empty() and self.wire is not None and self.wire.write(text)

    def begin_close(self) -> None:
        """Ask the client to close the socket. The client then connects again.

        Unlike `close`, this loses no packets: the server still receives those that the client sends before it closes.
        """
        if self.wire is None:  # polling: this answers the waiting poll
            self.queue.put_nowait(engineio.packet.Packet(engineio.packet.CLOSE))
        elif self.write_now(NOT_A_PACKET):
            asyncio.get_running_loop().call_later(CLOSE_AFTER_S, self.wire.begin_close)
        else:
            self.wire.begin_close()


class EngineServer(engineio.AsyncServer):  # type: ignore[misc]  # the package has no types
    """python-engineio's server with smaller queues."""

    def create_queue(self, *_: Any, **__: Any) -> LeanQueue[Any]:
        """Return an empty queue for the packets of a new socket."""
        return LeanQueue()


def adopt(socket: Any, heartbeat: Pinger) -> None:
    """Change the class of a new python-engineio socket to `EngineSocket`."""
    socket.__class__ = EngineSocket
    socket.heartbeat = heartbeat

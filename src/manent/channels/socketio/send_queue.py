"""What goes out on one Socket.IO connection: packets, encoded once, in the order in which they were decided.

They go out at once where nothing waits before them (`socketio/websocket.py`), else into the Engine.IO socket's
outgoing queue, acknowledgements included: python-socketio's own `emit` would look rooms up and start a task for each.
Made by `socketio/connection.py`, one a connection; knows no conversation.
"""

import asyncio
import logging
from typing import Any

import engineio.packet
import msgspec

from manent.channels.socketio.websocket import send_now
from manent.core.events import Json

log = logging.getLogger("manent.socketio")

MAX_PACKET = 2_000_000
"""Bytes of one incoming packet; a larger one closes its socket. Up to here everything is answered."""

MAX_WAITING = 4 * MAX_PACKET
"""Characters that may wait in one socket's queues: of requests that were not served yet, of packets not taken yet.

What is at work, or on its way, is not counted; one packet alone always passes.
"""

encode = msgspec.json.Encoder(enc_hook=str).encode


class SendQueue:
    """The sending side of a socket: its queue, and the way past it while it is empty.

    Args:
        socket: Engine.IO's.
        namespace: Socket.IO's, of every packet.
        most: packets that may wait for the socket to take them; it is closed when there are more.

    Attributes:
        dropped: resolves when the socket was closed because it did not take what it was sent; None before that.
    """

    __slots__ = ("_answer", "_event", "_most", "_unsent", "dropped", "socket")

    def __init__(self, socket: Any, *, namespace: str, most: int) -> None:
        self.socket = socket
        self.dropped: asyncio.Task[None] | None = None
        self._event = b"42" if namespace == "/" else f"42{namespace},".encode()
        self._answer = b"43" if namespace == "/" else f"43{namespace},".encode()
        self._most = most
        self._unsent = 0

    def emit(self, event: str, payload: Any) -> None:
        """Send an event."""
        self._send(self._event + encode((event, payload)))

    def acknowledge(self, ack: int | None, answer: Json | None = None) -> None:
        """Send the acknowledgement, if one was asked for; without an answer, Rasa's empty one."""
        if ack is not None:
            self._send(self._answer + str(ack).encode() + (b"[]" if answer is None else encode((answer,))))

    @property
    def is_empty(self) -> bool:
        """The socket has taken everything."""
        empty: bool = self.socket.queue.empty()
        return empty

    def __len__(self) -> int:
        """How many packets the socket has not taken yet."""
        waiting: int = self.socket.queue.qsize()
        return waiting

    def _send(self, packet: bytes) -> None:
        """Send an Engine.IO packet."""
        queue = self.socket.queue
        if queue.empty():
            self._unsent = 0
            if self.dropped is None and not self.socket.closed and send_now(self.socket, packet):
                return
        elif self._unsent > MAX_WAITING:  # counted anew: some of it has been sent
            self._unsent = sum(len(packet.data or "") for packet in queue._queue if packet is not None)  # noqa: SLF001
        if queue.qsize() >= self._most or self._unsent > MAX_WAITING:
            self._drop()
        elif not self.socket.closed:
            self._unsent += len(packet)
            queue.put_nowait(engineio.packet.Packet(engineio.packet.MESSAGE, packet[1:].decode()))

    def _drop(self) -> None:
        """Close a socket that does not take what is sent to it, so that it does not fill our memory."""
        if self.dropped is None:
            log.warning("closed a socket that does not read what it is sent")
            while not self.socket.queue.empty():
                self.socket.queue.get_nowait()
            self.socket.queue.put_nowait(None)  # ends the task that writes, which then closes the connection
            self.dropped = asyncio.get_running_loop().create_task(self.socket.close(wait=False, abort=True))

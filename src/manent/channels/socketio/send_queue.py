"""Sends packets on one Socket.IO connection in the order of the calls.

Each packet is encoded once. If no packet waits, a packet is written immediately (`engine_socket.py`). If other packets
wait, it is added to the outgoing queue of the Engine.IO socket. Acknowledgements use the same path, so they stay in
order with the events. python-socketio's own `emit` is not used: it looks up rooms and starts a task for each call.

This module must not know conversations or dialects.
"""

import asyncio
import logging
from typing import Any

import engineio.packet
import msgspec

from manent.channels.socketio.engine_socket import EngineSocket
from manent.core.events import Json

log = logging.getLogger("manent.socketio")

MAX_PACKET = 2_000_000
"""Maximum size of an incoming packet in bytes. The server closes a socket that sends a larger packet.
"""

MAX_WAITING = 4 * MAX_PACKET
"""Maximum number of characters that may wait in each of a socket's two queues, for requests and for outgoing packets.

The request that is being served is not counted, and neither are packets that were written to the transport. A single
packet is always allowed.
"""

encode = msgspec.json.Encoder(enc_hook=str).encode


class SendQueue:
    """Sends the packets of one socket.

    Args:
        socket: python-engineio's socket.
        namespace: the Socket.IO namespace of every packet.
        max_packets: maximum number of queued packets. If there are more, the socket is closed.

    Attributes:
        dropped: the task that closes the socket because the client does not read, or None.
        is_ended: whether sending has stopped, because the server asked the client to connect to another server.
    """

    __slots__ = ("_ack_prefix", "_event_prefix", "_max_packets", "_unsent", "dropped", "is_ended", "socket")

    def __init__(self, socket: EngineSocket, *, namespace: str, max_packets: int) -> None:
        self.socket = socket
        self.is_ended = False
        self.dropped: asyncio.Task[None] | None = None
        self._event_prefix = b"42" if namespace == "/" else f"42{namespace},".encode()
        self._ack_prefix = b"43" if namespace == "/" else f"43{namespace},".encode()
        self._max_packets = max_packets
        self._unsent = 0  # number of characters; while packets wait, an upper bound that `_send` corrects

    def emit(self, event: str, payload: Any) -> None:
        """Send an event."""
        self._send(self._event_prefix + encode((event, payload)))

    def acknowledge(self, ack: int | None, answer: Json | None = None) -> None:
        """Send the acknowledgement with this number.

        Without a response, it is empty, as in Rasa. Do nothing if the number is None.
        """
        if ack is not None:
            self._send(self._ack_prefix + str(ack).encode() + (b"[]" if answer is None else encode((answer,))))

    def end(self) -> None:
        """Ask the client to close the socket and connect to another server. Until then, its packets are still read."""
        if not self.is_ended:
            self.is_ended = True
            self.socket.begin_close()

    @property
    def is_empty(self) -> bool:
        """Whether all packets are sent."""
        return self.socket.queue.empty()

    @property
    def is_closed(self) -> bool:
        """Whether the socket is closed, so that no more packets are sent."""
        closed: bool = self.socket.closed
        return closed

    def __len__(self) -> int:
        """Return the number of queued packets."""
        return self.socket.queue.qsize()

    def _send(self, packet: bytes) -> None:
        """Send an Engine.IO packet."""
        if self.dropped is not None or self.is_ended or self.is_closed:
            return
        queue = self.socket.queue
        if queue.empty():
            self._unsent = 0
            if self.socket.write_now(packet):
                return
        elif self._unsent > MAX_WAITING:  # count again, because some packets have been sent since
            self._unsent = sum(len(packet.data or "") for packet in self.socket.queue.items if packet is not None)
        if queue.qsize() >= self._max_packets or self._unsent > MAX_WAITING:
            self._drop()
        else:
            self._unsent += len(packet)
            queue.put_nowait(engineio.packet.Packet(engineio.packet.MESSAGE, packet[1:].decode()))

    def _drop(self) -> None:
        """Close a socket whose client does not read, to limit the memory of its queue."""
        log.warning("closed a socket, because its client does not read its packets")
        while not self.socket.queue.empty():
            self.socket.queue.get_nowait()
        self.socket.queue.put_nowait(None)  # None stops the writer task, which then closes the connection
        self.dropped = asyncio.get_running_loop().create_task(self.socket.close(wait=False, abort=True))

"""Pings every Engine.IO socket and closes those that do not respond.

One timer serves all sockets. In contrast, python-engineio runs a sleeping task for each socket, starts three more tasks
for each pong, and checks another socket every few milliseconds. With ten thousand idle visitors, this takes a sixth of
a CPU core. All intervals are equal, so the socket that has waited longest is always the first in the queue.
`docs/decisions/087-one-heartbeat.md` describes this decision.
"""

import logging
import time
from collections.abc import Callable

import engineio.packet

from manent.channels.socketio.deadlines import Deadlines
from manent.channels.socketio.engine_socket import EngineSocket

log = logging.getLogger("manent.socketio")

PING = b"2"


class Heartbeat:
    """Sends the pings and handles the pongs of all sockets.

    Args:
        interval_s: time from a pong to the next ping, in seconds.
        timeout_s: time limit for the pong, in seconds.
        end: called with a socket whose client sent no pong in time.

    Attributes:
        resting: sockets that wait for their next ping.
        pinged: sockets that were pinged and have not sent the pong yet.
    """

    def __init__(self, *, interval_s: float, timeout_s: float, end: Callable[[EngineSocket], None]) -> None:
        self._end = end
        self.resting = Deadlines[EngineSocket](interval_s, self._ping)
        self.pinged = Deadlines[EngineSocket](timeout_s, self._give_up)

    def answered(self, socket: EngineSocket) -> None:
        """Schedule the next ping of a socket that has connected or sent a pong. Ignore the pong of an `ask` ping."""
        if socket.last_ping and not _is_over(socket):
            socket.last_ping = None
            self.pinged.stop(socket)
            self.resting.start(socket)

    def forget(self, socket: EngineSocket) -> None:
        """Forget a closed socket."""
        self.resting.stop(socket)
        self.pinged.stop(socket)

    def _ping(self, socket: EngineSocket) -> None:
        if not _is_over(socket):
            socket.last_ping = time.time()
            self.pinged.start(socket)
            ping(socket)

    def _give_up(self, socket: EngineSocket) -> None:
        if not _is_over(socket):
            log.info("closed a socket whose client did not answer a ping")
            self._end(socket)


def _is_over(socket: EngineSocket) -> bool:
    return bool(socket.closing or socket.closed)


def ping(socket: EngineSocket) -> None:
    """Send a ping after all packets that are already queued."""
    if not socket.write_now(PING):
        socket.queue.put_nowait(engineio.packet.Packet(engineio.packet.PING))


def ask(socket: EngineSocket, answered: Callable[[], None]) -> None:
    """Send an additional ping now, and call `answered` when its pong arrives.

    A socket may have only one such ping at a time. Clients process packets in order, so the pong proves that all
    packets before the ping have arrived.
    """
    pongs_ahead = 1 if socket.last_ping else 0  # the pong of a pending regular ping arrives first

    def take_pong() -> bool:
        nonlocal pongs_ahead
        if pongs_ahead:
            pongs_ahead -= 1
            return False
        answered()
        return True

    socket.watch_pong = take_pong
    ping(socket)

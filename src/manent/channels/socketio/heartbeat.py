"""Pings every Engine.IO socket and ends those that do not answer.

One timer serves all sockets. python-engineio has a sleeping task for each socket, starts three more tasks for each
pong, and checks one socket after another every few milliseconds. With ten thousand silent visitors, this takes a sixth
of a core. All intervals are equal, so the socket that has waited longest is always the first in the queue.
`docs/decisions/087-one-heartbeat.md` describes this decision.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import engineio.packet

from manent.channels.socketio.websocket import send_now

log = logging.getLogger("manent.socketio")

PING = b"2"

MIN_WAIT_S = 0.005
"""Minimum time between two rounds.

Sockets that become due between two rounds are pinged in the second one. If sockets connected at a rate of 900 per
second, a round pings five of them. With 0.1 s, a round pinged ninety sockets. A message that arrived at that moment
waited for ninety pings and pongs, which took 17 ms instead of 4 ms.
"""


class Heartbeat:
    """The pings and pongs of all sockets.

    Args:
        interval_s: time from a pong to the next ping, in seconds.
        timeout_s: time limit for the answer to a ping, in seconds.
        end: called with a socket whose client did not answer.
    """

    def __init__(self, *, interval_s: float, timeout_s: float, end: Callable[[Any], None]) -> None:
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._end = end
        self._resting: deque[tuple[float, Any]] = deque()
        self._pinged: deque[tuple[float, Any, float]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def answered(self, socket: Any) -> None:
        """Schedule the next ping of a socket that has connected or answered its ping.

        Ignore a pong for which no regular ping waits (it belongs to `ask`). This replaces `schedule_ping` of
        python-engineio's socket.
        """
        if not socket.last_ping:
            return
        socket.last_ping = None
        due = asyncio.get_running_loop().time() + self._interval_s
        self._resting.append((due, socket))
        if self._timer is None or self._timer.when() > due:
            self._set_timer()

    def _set_timer(self) -> None:
        """Start the next round when the next socket is due."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        due = min(waiting[0][0] for waiting in (self._resting, self._pinged) if waiting)
        self._timer = loop.call_at(max(due, loop.time() + MIN_WAIT_S), self._tick)

    def _tick(self) -> None:
        try:
            self._ping_and_end(asyncio.get_running_loop().time())
        finally:  # an error of one socket must not end the pings of all
            self._timer = None
            if self._resting or self._pinged:
                self._set_timer()

    def _ping_and_end(self, now: float) -> None:
        resting, pinged = self._resting, self._pinged
        while resting and resting[0][0] <= now:
            _, socket = resting.popleft()
            if not socket.closing and not socket.closed:
                socket.last_ping = time.time()
                pinged.append((now + self._timeout_s, socket, socket.last_ping))
                ping(socket)
        while pinged and pinged[0][0] <= now:
            _, socket, since = pinged.popleft()
            if socket.last_ping == since and not socket.closing and not socket.closed:
                log.info("ended a socket that did not answer a ping")
                self._end(socket)


def watch(socket: Any, heartbeat: Heartbeat) -> None:
    """Let the heartbeat ping an Engine.IO socket, instead of the task that the socket would start.

    Adds two attributes to the socket: `ponged`, to be called at each pong, and `watch_pong`, which `ponged` calls until
    it returns True.
    """
    receive = type(socket).receive

    def ponged() -> None:
        if socket.watch_pong is not None and socket.watch_pong():
            socket.watch_pong = None
        heartbeat.answered(socket)

    async def received(packet: Any) -> None:
        if packet.packet_type == engineio.packet.PONG:
            ponged()
        else:
            await receive(socket, packet)
            if socket.closed:  # closed by its client; without this None, a waiting poll would wait for 45 seconds
                socket.queue.put_nowait(None)

    socket.watch_pong = None
    socket.ponged = ponged
    socket.receive = received
    socket.schedule_ping = partial(heartbeat.answered, socket)


def ping(socket: Any) -> None:
    """Send a ping after all packets that already wait to be sent."""
    if not socket.queue.empty() or not send_now(socket, PING):
        socket.queue.put_nowait(engineio.packet.Packet(engineio.packet.PING))


def ask(socket: Any, answered: Callable[[], None]) -> None:
    """Send an additional ping now, and call `answered` at its pong.

    A socket may have only one such ping at a time. Clients answer in order, so the pong proves that all packets before
    the ping have arrived.
    """
    pongs_ahead = 1 if socket.last_ping else 0  # a regular ping that is on its way is answered first

    def take_pong() -> bool:
        nonlocal pongs_ahead
        if pongs_ahead:
            pongs_ahead -= 1
            return False
        answered()
        return True

    socket.watch_pong = take_pong
    ping(socket)

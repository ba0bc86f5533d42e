"""Asks every Engine.IO socket now and then whether its client is still there, and ends those that don't answer.

One clock for all sockets. python-engineio has a sleeping task for each, reads each pong with three more, and looks at
one socket after another every few milliseconds: with ten thousand visitors who say nothing, a sixth of a core.
Intervals are all the same, so who has waited longest is always first. `socketio.py` makes it and hands it every socket.
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

REST_S = 0.005
"""Between two looks at the clock, at least; who becomes due meanwhile is asked together.

Ten thousand sockets that came at 900 a second are asked in the same rhythm, five at a time. With 0.1 it was ninety, and
whoever spoke then waited for as many pings and pongs: 17 ms instead of 4.
"""


class Heartbeat:
    """Pings and pongs of all sockets.

    Args:
        interval_s: from a pong to the next ping.
        timeout_s: in which a ping has to be answered.
        end: called with a socket whose client did not answer.
    """

    def __init__(self, *, interval_s: float, timeout_s: float, end: Callable[[Any], None]) -> None:
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._end = end
        self._resting: deque[tuple[float, Any]] = deque()
        self._asked: deque[tuple[float, Any, float]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def answered(self, socket: Any) -> None:
        """Its client is there, just connected or with a pong: ask again after a while.

        A pong that no regular ping waits for (of `socketio/plain.py`'s own pings) changes nothing. Takes the place of
        the socket's own `schedule_ping`.
        """
        if not socket.last_ping:
            return
        socket.last_ping = None
        due = asyncio.get_running_loop().time() + self._interval_s
        self._resting.append((due, socket))
        if self._timer is None or self._timer.when() > due:
            self._rest()

    def _rest(self) -> None:
        """Look again when the next socket is due."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        due = min(waiting[0][0] for waiting in (self._resting, self._asked) if waiting)
        self._timer = loop.call_at(max(due, loop.time() + REST_S), self._tick)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        resting, asked = self._resting, self._asked
        while resting and resting[0][0] <= now:
            _, socket = resting.popleft()
            if not socket.closing and not socket.closed:
                socket.last_ping = time.time()
                asked.append((now + self._timeout_s, socket, socket.last_ping))
                ping(socket)
        while asked and asked[0][0] <= now:
            _, socket, since = asked.popleft()
            if socket.last_ping == since and not socket.closing and not socket.closed:
                log.info("ended a socket that did not answer")
                self._end(socket)
        self._timer = None
        if resting or asked:
            self._rest()


def watch(socket: Any, heartbeat: Heartbeat) -> None:
    """Have the heartbeat look after an Engine.IO socket, in the place of the tasks that it would start for itself.

    Adds to the socket: `watch_pong`, called with each pong until it returns True; `ponged`, to be called at a pong.
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
            if socket.closed:  # by its client; a request that waits for the next packet would wait for 45 seconds
                socket.queue.put_nowait(None)

    socket.watch_pong = None
    socket.ponged = ponged
    socket.receive = received
    socket.schedule_ping = partial(heartbeat.answered, socket)


def ping(socket: Any) -> None:
    """Ask for a pong, behind everything that waits to be sent."""
    if not socket.queue.empty() or not send_now(socket, PING):
        socket.queue.put_nowait(engineio.packet.Packet(engineio.packet.PING))

"""Keys that all wait equally long, with one timer for all of them.

A timer for each of ten thousand sockets would take ten thousand heap entries, and would keep what it refers to in
memory until its time comes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

MIN_WAIT_S = 0.005
"""Least time between two rounds. Keys that become due in between are served in one round.

Ten thousand sockets that connected at 900 a second are pinged at that rate, five in a round. With 0.1 s, a round pinged
ninety sockets. A message that arrived then waited for ninety pings and pongs: 17 ms instead of 4 ms.
"""


class Deadlines(Generic[K]):
    """Keys that wait. The key that has waited longest is always first in line.

    Args:
        wait_s: how long each key waits.
        expired: called with a key after its wait; the key is removed before.
    """

    def __init__(self, wait_s: float, expired: Callable[[K], None]) -> None:
        self.wait_s = wait_s
        self._expired = expired
        self._due: OrderedDict[K, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return how many keys wait."""
        return len(self._due)

    def start(self, key: K) -> None:
        """Let a key wait from now on."""
        due = self._due[key] = asyncio.get_running_loop().time() + self.wait_s
        self._due.move_to_end(key)
        if self._timer is None or self._timer.when() > due:
            self._set_timer()

    def stop(self, key: K) -> None:
        """Remove a key if it waits."""
        self._due.pop(key, None)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        first = next(iter(self._due.values()))
        self._timer = loop.call_at(max(first, loop.time() + MIN_WAIT_S), self._tick)

    def _tick(self) -> None:
        try:
            self._expire(asyncio.get_running_loop().time())
        finally:  # an error with one key must not end the waiting of all
            if self._due:
                self._set_timer()
            else:
                self._timer = None

    def _expire(self, now: float) -> None:
        while self._due:
            key, due = next(iter(self._due.items()))
            if due > now:
                break
            del self._due[key]
            self._expired(key)

"""What the running server counts and times: plain numbers that cost next to nothing to keep.

Filled by the conversations and the store, read by whoever shows them (`server/api/metrics.py`). Knows no format.
"""

from bisect import bisect_left
from collections.abc import Sequence
from contextvars import ContextVar

BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of a histogram's buckets: a commit takes 0.7 to 4 ms, a custom action up to minutes."""

turn_id: ContextVar[str] = ContextVar("turn_id", default="")
"""Which turn the running task is at: the message's id. Logs show it."""


class Histogram:
    """How often something took how long. `counts` has one number a bucket and one for what took longer than all."""

    __slots__ = ("bounds", "counts", "total_s")

    def __init__(self, bounds: Sequence[float] = BOUNDS_S) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total_s += seconds

    @property
    def count(self) -> int:
        """How many were counted."""
        return sum(self.counts)


class Measures:
    """All of one process.

    Attributes:
        queued: from a message's arrival to the beginning of its turn.
        understood: the NLU, with the wait for the texts that came in together with this one.
        outside: a custom action or a text generator.
        appended: from handing an append to the store to its being durable.
        turns: whole turns, everything above but `queued` included.
        commits: the store's own transactions.
        accepted: messages that became durable.
        duplicates: messages that had been accepted before.
        refused: messages that were not accepted, by error code.
        failed: turns that ended in an error after their message was accepted.
        works: pieces of work in the store's transactions; above their number, turns share commits.
    """

    def __init__(self) -> None:
        self.queued = Histogram()
        self.understood = Histogram()
        self.outside = Histogram()
        self.appended = Histogram()
        self.turns = Histogram()
        self.commits = Histogram()
        self.accepted = 0
        self.duplicates = 0
        self.refused: dict[str, int] = {}
        self.failed = 0
        self.works = 0

    def committed(self, works: int, seconds: float) -> None:
        """Take the store's word of one transaction (on the store's own thread, the only one that calls this)."""
        self.works += works
        self.commits.observe(seconds)

    def refuse(self, code: str) -> None:
        """Count a message that was not accepted."""
        self.refused[code] = self.refused.get(code, 0) + 1

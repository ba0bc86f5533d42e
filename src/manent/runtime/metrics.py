"""Counters and histograms of the running server, as plain numbers that are cheap to update.

Conversations and the store update the metrics. `server/api/metrics.py` exports them.
"""

from bisect import bisect_left
from collections.abc import Sequence
from contextvars import ContextVar

BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram buckets. A commit takes 0.7 to 4 ms; a custom action can take minutes."""

turn_id: ContextVar[str] = ContextVar("turn_id", default="")
"""Id of the message that the current task is processing. Log records contain this id."""


class Histogram:
    """A histogram of durations. `counts` has one number for each bucket, and one for durations above the last bound."""

    __slots__ = ("bounds", "counts", "total_s")

    def __init__(self, bounds: Sequence[float] = BOUNDS_S) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total_s = 0.0

    def observe(self, seconds: float) -> None:
        """Add one duration."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total_s += seconds

    @property
    def count(self) -> int:
        """Number of durations."""
        return sum(self.counts)


class Metrics:
    """The metrics of one process.

    Attributes:
        queued: time from the arrival of a message to the start of its turn.
        understood: time of the NLU, including the wait for other texts in the batch.
        outside: time of a call to a custom action or a text generator.
        appended: time from the call of `append` until the events are durable.
        turns: time of whole turns, which includes all times above except `queued`.
        commits: number of transactions of the store.
        loop_delays: by how much the event loop wakes a task too late, measured twice a second.
        pool_waits: time of waits for a connection to the database. A connection that is free at once is not counted.
        pool_size: maximum number of connections to the database. 0: the store has no pool.
        pool_used: number of connections to the database that are in use.
        accepted: number of messages that became durable.
        duplicates: number of messages that were sent again after they were accepted.
        refused: number of rejected messages, by error code.
        failed: number of turns that failed after their message was accepted.
        background_failures: number of failed rounds since the start, by background loop.
        background_failing: error code of each loop whose last round failed, by loop name.
        bridge_waiting: number of conversations that wait because the other help desk failed. None: no bridge.
        bridge_rejected: number of messages that another help desk has permanently rejected.
        works: number of writes in these transactions. If there are more writes than transactions, turns share commits.
    """

    def __init__(self) -> None:
        self.queued = Histogram()
        self.understood = Histogram()
        self.outside = Histogram()
        self.appended = Histogram()
        self.turns = Histogram()
        self.commits = Histogram()
        self.loop_delays = Histogram()
        self.pool_waits = Histogram()
        self.pool_size = 0
        self.pool_used = 0
        self.accepted = 0
        self.duplicates = 0
        self.refused: dict[str, int] = {}
        self.failed = 0
        self.works = 0
        self.background_failures: dict[str, int] = {}
        self.background_failing: dict[str, str] = {}
        self.bridge_waiting: int | None = None
        self.bridge_rejected = 0

    def committed(self, works: int, seconds: float) -> None:
        """Count one transaction. Only the store's writer thread calls this method."""
        self.works += works
        self.commits.observe(seconds)

    def refuse(self, code: str) -> None:
        """Count a rejected message."""
        self.refused[code] = self.refused.get(code, 0) + 1

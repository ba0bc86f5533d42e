"""Removes conversations that have not changed for a configured time (`conversations: {retention_days: N}`).

`server/app.py` opens and closes this task. Several servers can run it on one store.
"""

import logging
import time
from collections.abc import Callable

from manent.runtime.loops import Loop
from manent.runtime.metrics import Metrics
from manent.runtime.ports.store import ConversationStore

log = logging.getLogger("manent.retention")

DAY_S = 86_400.0
MAX_INTERVAL_S = 3_600.0
MIN_INTERVAL_S = 1.0


class Retention:
    """Removes old conversations.

    Args:
        store: contains the conversations.
        days: number of days for which a conversation is kept after its last change. None means forever.
        metrics: counts failed removals.
        now: returns the time in seconds since the epoch.
    """

    def __init__(
        self,
        store: ConversationStore,
        days: float | None,
        *,
        metrics: Metrics | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.days = days
        self.now = now
        self._loop = Loop("retention", self._purge, metrics=metrics or Metrics())

    async def open(self) -> None:
        """Start removing. Start the task. The first removal runs immediately."""
        if self.days is not None:
            self._loop.open()

    async def close(self) -> None:
        """Stop removing."""
        await self._loop.close()

    async def _purge(self) -> float:
        """Remove old conversations, and return the pause until the next removal in seconds."""
        days = self.days or 0.0
        count = await self.store.purge(older_than=self.now() - days * DAY_S)
        if count:
            log.info("removed old conversations", extra={"count": count, "older_than_days": days})
        return min(MAX_INTERVAL_S, max(MIN_INTERVAL_S, days * DAY_S / 24))

"""Removes conversations that have not changed for a configured time (`conversations: {retention_days: N}`).

`server/app.py` opens and closes it. Several servers may run it on one store.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from manent.core.errors import ManentError
from manent.runtime.ports.store import ConversationStore

log = logging.getLogger("manent.retention")

DAY_S = 86_400.0
MAX_INTERVAL_S = 3_600.0
MIN_INTERVAL_S = 1.0


class Retention:
    """Removes old conversations.

    Args:
        store: contains the conversations.
        days: number of days after its last change for which a conversation is kept. None: forever.
        now: returns the time in seconds since the epoch.
    """

    def __init__(self, store: ConversationStore, days: float | None, *, now: Callable[[], float] = time.time) -> None:
        self.store = store
        self.days = days
        self.now = now
        self._purging: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start removing. The first removal runs immediately."""
        if self.days is not None:
            self._purging = asyncio.create_task(self._purge_forever(self.days))

    async def close(self) -> None:
        """Stop removing."""
        if self._purging is not None:
            self._purging.cancel()
            await asyncio.gather(self._purging, return_exceptions=True)

    async def _purge_forever(self, days: float) -> None:
        pause_s = min(MAX_INTERVAL_S, max(MIN_INTERVAL_S, days * DAY_S / 24))
        while True:
            try:
                count = await self.store.purge(older_than=self.now() - days * DAY_S)
                if count:
                    log.info("removed old conversations", extra={"count": count, "older_than_days": days})
            except ManentError as error:
                log.warning("could not remove old conversations", extra={"code": error.code, "error": error.message})
            await asyncio.sleep(pause_s)

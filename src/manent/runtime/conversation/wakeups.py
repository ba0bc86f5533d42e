"""Publishes events that other servers have written, and drops logs that other servers have erased.

The store reports that another process has written (PostgreSQL notifications, SQLite's change counter). The changes are
then read from the logs. A notification may be lost, so all conversations with subscribers are compared with the store
at least every `POLL_INTERVAL_S` seconds. `server/app.py` builds it. It opens it after the registry and closes it before
the registry.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from typing import Final

from manent.core.errors import ManentError
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.registry import Conversations

log = logging.getLogger("manent.wakeups")

POLL_INTERVAL_S: Final = 3.0
"""Maximum time between two reads of the store, even if the store has reported no change."""

PAUSE_FACTOR: Final = 4.0
"""Pause after a comparison, as a multiple of the duration of the comparison.

So comparing takes at most a fifth of the time.
"""

RETRY_S: Final = 1.0
BATCH_SIZE: Final = 500
"""Number of conversations whose positions are read at the same time."""


class Wakeups:
    """Watches the store for changes by other servers. Open it after the registry and close it before the registry.

    Attributes:
        listeners: called when another server may have written something outside a conversation, such as a revocation.
    """

    def __init__(self, conversations: Conversations) -> None:
        self.conversations = conversations
        self.listeners: list[Callable[[], None]] = []
        self._watch: asyncio.Task[None] | None = None
        self._cached_stale = True
        self._cached_checked_at = float("-inf")

    async def open(self) -> None:
        """Start watching. The store must be open."""
        self._watch = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                changed = await self.conversations.engine.store.news(within_s=POLL_INTERVAL_S)
                started = time.monotonic()
                if changed is None:
                    for listener in self.listeners:
                        listener()
                await self._update(changed)
                await asyncio.sleep(PAUSE_FACTOR * (time.monotonic() - started))
            except ManentError as error:
                log.warning("could not read changes", extra={"code": error.code, "error": error.message})
                await asyncio.sleep(RETRY_S)

    async def _update(self, changed: Collection[str] | None) -> None:
        """Compare conversations with the store, and publish new events.

        Cached logs are compared, too, because erased data must not stay in memory. If it is unknown which conversations
        changed, cached conversations are compared less often.

        Args:
            changed: ids of changed conversations. None: any conversation may have changed.
        """
        for conversation, position in await self._positions(self.conversations.followed(changed)):
            if position is not None:
                await conversation.catch_up(*position)
            elif not conversation.mailbox.is_busy:
                conversation.feed.log_vanished()
        self._cached_stale = self._cached_stale or changed is None
        if self._cached_stale and time.monotonic() - self._cached_checked_at >= POLL_INTERVAL_S:
            cached = self.conversations.cached()
            self._cached_stale, self._cached_checked_at = False, time.monotonic()
        else:
            cached = self.conversations.cached(changed or ())
        for conversation, position in await self._positions(cached):
            if conversation.forget_if_gone(position):
                self.conversations.release(conversation)

    async def _positions(self, wanted: list[Conversation]) -> list[tuple[Conversation, tuple[str, int] | None]]:
        """Return the epoch and version of each conversation in the store, or None if the store does not contain it."""
        found: list[tuple[Conversation, tuple[str, int] | None]] = []
        for start in range(0, len(wanted), BATCH_SIZE):
            batch = wanted[start : start + BATCH_SIZE]
            positions = await self.conversations.engine.store.places([one.sender_id for one in batch])
            found += [(one, positions.get(one.sender_id)) for one in batch]
        return found

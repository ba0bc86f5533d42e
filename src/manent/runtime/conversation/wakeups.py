"""Publishes events written by other servers, and removes from memory the logs that other servers have erased.

The store reports writes by other processes (with PostgreSQL notifications or SQLite's change counter). This task then
reads the changes from the logs. Notifications can be lost, so all conversations with subscribers are compared with the
store at least every `POLL_INTERVAL_S` seconds. `server/app.py` opens this task after the registry and closes it before
the registry.
"""

import time
from collections.abc import Callable, Collection
from typing import Final

from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.registry import Conversations
from manent.runtime.loops import Loop

POLL_INTERVAL_S: Final = 3.0
"""Maximum number of seconds between two reads of the store, even if the store reports no change."""

PAUSE_FACTOR: Final = 4.0
"""Pause after a comparison, as a multiple of the duration of the comparison.

So comparing takes at most a fifth of the time.
"""

MAX_RETRY_S: Final = 1.0
BATCH_SIZE: Final = 500
"""Maximum number of conversations per query for positions."""


class Wakeups:
    """Watches the store for changes by other servers. Open it after the registry and close it before the registry.

    Attributes:
        listeners: functions that are called when another server has possibly written data outside of conversations,
            such as a revocation.
    """

    def __init__(self, conversations: Conversations) -> None:
        self.conversations = conversations
        self.listeners: list[Callable[[], None]] = []
        self._loop = Loop("wakeups", self._watch, metrics=conversations.engine.metrics, max_retry_s=MAX_RETRY_S)
        self._pending: set[str] | None = set()  # None: any conversation
        self._cached_stale = True
        self._cached_checked_at = float("-inf")

    async def open(self) -> None:
        """Start watching. The store must be open."""
        self._loop.open()

    async def close(self) -> None:
        """Stop watching."""
        await self._loop.close()

    async def _watch(self) -> float:
        """Wait for changes and publish them. Return the pause until the next wait in seconds."""
        changed = await self.conversations.engine.store.news(within_s=POLL_INTERVAL_S)
        started = time.monotonic()
        if changed is None:
            for listener in self.listeners:
                listener()
        behind = self.conversations.engine.behind
        if self._pending is not None:
            self._pending = None if changed is None else self._pending.union(changed, behind)
        behind.clear()
        await self._update(self._pending)  # if this fails, the next round repeats it
        self._pending = set()
        return PAUSE_FACTOR * (time.monotonic() - started)

    async def _update(self, changed: Collection[str] | None) -> None:
        """Compare conversations with the store, and publish new events.

        Cached logs are also compared, because erased data must not stay in memory. If the changed conversations are
        unknown, cached logs are compared less often.

        Args:
            changed: ids of changed conversations. None means that any conversation may have changed.
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

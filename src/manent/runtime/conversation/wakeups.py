"""Publishes events written by other servers, and removes from memory the logs that other servers have erased.

The store reports writes by other processes (with PostgreSQL notifications or SQLite's change counter). This task then
reads the changes from the logs. Notifications can be lost, so all conversations with subscribers are compared with the
store at least every `POLL_INTERVAL_S` seconds. `server/app.py` opens this task after the registry and closes it before
the registry.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from typing import Final

from manent.core.conversation_log import Position
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.registry import Conversations
from manent.runtime.loops import Loop

POLL_INTERVAL_S: Final = 3.0
"""Maximum number of seconds between two reads of the store, even if the store reports no change."""

PAUSE_FACTOR: Final = 4.0
"""Minimum pause between two comparisons of all conversations, as a multiple of the duration of the first one.

So they take at most a fifth of the time. Comparisons of the conversations that the store names continue during this
pause. After each of these, the task pauses for as long as it took, so that the next query reads more changes.
"""

MAX_RETRY_S: Final = 1.0
BATCH_SIZE: Final = 500
"""Maximum number of conversations in one query."""


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
        self._all_again_at = float("-inf")
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
        if changed is None:
            for listener in self.listeners:
                listener()
        behind = self.conversations.engine.behind
        if self._pending is not None:
            self._pending = None if changed is None else self._pending.union(changed, behind)
        behind.clear()
        if self._pending is None:
            await asyncio.sleep(self._all_again_at - time.monotonic())
        started = time.monotonic()
        await self._update(self._pending)  # if this fails, the next round repeats it
        duration = time.monotonic() - started
        if self._pending is None:
            self._all_again_at = started + (1 + PAUSE_FACTOR) * duration
        self._pending = set()
        return duration

    async def _update(self, changed: Collection[str] | None) -> None:
        """Compare conversations with the store, and publish new events.

        Cached logs are also compared, because erased data must not stay in memory. If the changed conversations are
        unknown, cached logs are compared less often.

        Args:
            changed: ids of changed conversations. None means that any conversation may have changed.
        """
        await self._publish(self.conversations.followed(changed))
        self._cached_stale = self._cached_stale or changed is None
        if self._cached_stale and time.monotonic() - self._cached_checked_at >= POLL_INTERVAL_S:
            cached = self.conversations.cached()
            self._cached_stale, self._cached_checked_at = False, time.monotonic()
        else:
            cached = self.conversations.cached(changed or ())
        await self._forget_erased(cached)

    async def _publish(self, followed: list[Conversation]) -> None:
        """Publish what other servers have appended to conversations that have subscribers."""
        limit = self.conversations.engine.limits.page
        for batch in _batches(followed):
            positions = [conversation.feed.read_position for conversation in batch]
            known = {conversation.sender_id: conversation for conversation in batch}
            for change in await self.conversations.engine.store.changes(positions, limit=limit):
                conversation = known[change.position.sender_id]
                if change.head is not None:
                    conversation.feed.publish_change(change)
                    if len(change.entries) == limit:
                        await conversation.catch_up(change.head.epoch, change.head.version)
                elif not conversation.mailbox.is_busy:
                    conversation.feed.log_vanished()

    async def _forget_erased(self, cached: list[Conversation]) -> None:
        """Remove from memory the logs that other servers have erased or replaced."""
        for batch in _batches(cached):
            positions = [
                Position(sender_id=conversation.sender_id, epoch=head.epoch, version=head.version)
                for conversation in batch
                if (head := conversation.record.head) is not None
            ]
            known = {conversation.sender_id: conversation for conversation in batch}
            for change in await self.conversations.engine.store.changes(positions, limit=0):
                conversation = known[change.position.sender_id]
                if conversation.forget_if_gone(change.head):
                    self.conversations.release(conversation)


def _batches(conversations: list[Conversation]) -> Iterator[list[Conversation]]:
    for start in range(0, len(conversations), BATCH_SIZE):
        yield conversations[start : start + BATCH_SIZE]

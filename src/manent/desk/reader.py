"""Reads the committed events of all logs into the tables of the desk.

After a commit, a turn only adds the id of its conversation to a set. A background task reads the new events of these
conversations and writes their rows, if no other server has written them meanwhile. Conversations of a server that
crashed are found by two searches: each second among the conversations in the queue and with operators, and slowly
among all of them. Every server with a desk runs this task.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

from manent.core.conversation_log import Head, LogEntry
from manent.desk.reading import advance, vanished
from manent.runtime.loops import Loop
from manent.runtime.metrics import Metrics
from manent.runtime.ports.desk import DeskStore, Read
from manent.runtime.ports.store import ConversationStore

log = logging.getLogger("manent.desk")

GATHER_S: Final = 0.05
"""Time for which changed conversations are collected, so that they share a transaction."""

BATCH: Final = 64
MAX_ENTRIES: Final = 500
"""Maximum number of events of one conversation that are read at once."""

MAX_WAITING: Final = 100_000
"""Maximum number of changed conversations in memory. The search finds the others."""

MAX_FAILED: Final = 1_000
"""Maximum number of conversations whose last error is remembered."""

HANDLED_INTERVAL_S: Final = 1.0
SEARCH_INTERVAL_S: Final = 30.0
SEARCH_BATCH: Final = 1_000
PAGE: Final = 200
PAUSE_FACTOR: Final = 9.0
"""Pause after the search of a batch, as a multiple of its duration. So searching takes at most a tenth of the time."""

TRIM_INTERVAL_S: Final = 600.0
FEED_KEPT_S: Final = 6 * 3600.0
EXPIRED_KEPT_S: Final = 3 * 86_400.0


class Reader:
    """Keeps the tables of the desk up to date. Open it after the store and close it before the store.

    Args:
        store: contains the logs.
        desk: the tables.
        wrote: called after rows were written.
        metrics: counts failed rounds.
        now: returns the time in seconds since the epoch.
    """

    def __init__(
        self,
        store: ConversationStore,
        desk: DeskStore,
        *,
        wrote: Callable[[], None] = lambda: None,
        metrics: Metrics | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._desk = desk
        self._wrote = wrote
        self._now = now
        self._waiting: dict[str, None] = {}
        self._failed: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        metrics = metrics or Metrics()
        self._loops = (
            Loop("desk_reader", self._read, metrics=metrics),
            Loop("desk_handled", self._search_handled, metrics=metrics),
            Loop("desk_search", self._search_all, metrics=metrics),
            Loop("desk_trim", self._trim, metrics=metrics),
        )

    async def open(self) -> None:
        """Start reading."""
        for loop in self._loops:
            loop.open()

    async def close(self) -> None:
        """Stop. The next start continues."""
        for loop in reversed(self._loops):
            await loop.close()

    def note(self, sender_id: str, entries: Sequence[LogEntry] = ()) -> None:
        """Add a conversation whose log has changed. This method is registered in `Engine.log_readers`."""
        del entries  # they are read from the store, in order
        if len(self._waiting) < MAX_WAITING:
            self._waiting[sender_id] = None
        if len(self._waiting) >= SEARCH_BATCH:
            self._room.clear()
        self._wake.set()

    async def catch_up(self) -> None:
        """Read everything that waits. For tests."""
        while self._waiting:
            await self._read_batch()

    async def _read(self) -> float:
        if not self._waiting:
            self._wake.clear()
            await self._wake.wait()
        if len(self._waiting) < BATCH:
            await asyncio.sleep(GATHER_S)
        await self._read_batch()
        return 0.0

    async def _read_batch(self) -> None:
        batch = list(self._waiting)[:BATCH]
        for sender_id in batch:
            del self._waiting[sender_id]
        if len(self._waiting) < SEARCH_BATCH:
            self._room.set()
        again: Collection[str] = batch
        try:
            again = await self._read_conversations(batch)
        finally:
            for sender_id in again:
                self.note(sender_id)

    async def _read_conversations(self, sender_ids: Sequence[str]) -> list[str]:
        """Read conversations. Return those that must be read again."""
        rows, places = await self._desk.rows(sender_ids), await self._desk.read_places(sender_ids)
        reads: list[Read] = []
        again: list[str] = []
        now = self._now()
        for sender_id in sender_ids:
            place, row = places.get(sender_id), rows.get(sender_id)
            head = await self._store.head(sender_id)
            if head is None or head.version == 0:
                reads += [vanished(sender_id, place, now=now)] if place is not None else []
                continue
            after = row.seq if row is not None and row.epoch == head.epoch else 0
            entries = await self._store.entries(sender_id, after=after, limit=MAX_ENTRIES)
            if not entries:
                continue
            try:
                read = advance(head, row, entries, now=now)
            except Exception as error:  # noqa: BLE001  # `_report` logs it
                self._report(head, error)
                continue  # the searches find it again
            reads.append(read if row is not None or place is None else _instead(read, place))
            if entries[-1].seq < head.version:
                again.append(sender_id)
        if reads:
            again += await self._desk.write_reads(reads)
            self._wrote()
        return again

    def _report(self, head: Head, error: Exception) -> None:
        """Log the error of a conversation that cannot be read, once for each of its versions."""
        if self._failed.get(head.sender_id) != head.version:
            extra = {"sender_id": head.sender_id}
            log.error("could not read a conversation for the desk", extra=extra, exc_info=error)
        if len(self._failed) >= MAX_FAILED:
            self._failed.clear()
        self._failed[head.sender_id] = head.version

    async def _search_handled(self) -> float:
        """Find changes of handled conversations, and erased ones, that a crashed server or a command has made."""
        for handler in ("queue", "human"):
            after = ""
            while heads := await self._store.handled(handler, after=after, limit=PAGE):
                places = await self._desk.read_places([head.sender_id for head in heads])
                for head in heads:
                    if places.get(head.sender_id) != (head.epoch, head.version):
                        self.note(head.sender_id)
                if len(heads) < PAGE:
                    break
                after = heads[-1].sender_id
        for sender_id in await self._desk.gone(limit=PAGE):
            self.note(sender_id)
        return HANDLED_INTERVAL_S

    async def _search_all(self) -> float:
        after: str | None = ""
        while after is not None:
            began = time.monotonic()
            page = await self._desk.unread_logs(after=after, limit=SEARCH_BATCH)
            for sender_id in page.found:
                self.note(sender_id)
            after = page.upto
            await asyncio.sleep(PAUSE_FACTOR * (time.monotonic() - began))
            await self._room.wait()
        return SEARCH_INTERVAL_S

    async def _trim(self) -> float:
        now = self._now()
        await self._desk.trim(feed_before=now - FEED_KEPT_S, expired_before=now - EXPIRED_KEPT_S)
        return TRIM_INTERVAL_S


def _instead(read: Read, place: tuple[str, int]) -> Read:
    """Return a read that replaces the empty row of an erased conversation."""
    return Read(
        sender_id=read.sender_id,
        before=place,
        row=read.row,
        texts=read.texts,
        counts=read.counts,
        visits=read.visits,
        feed=read.feed,
    )

"""Publishes committed events to the event broker.

Each log has a publishing cursor: the number of the last published event. After a commit, a turn adds its conversation's
id to the set of waiting conversations. A background task takes a batch of waiting conversations, acquires leases on
their cursors, reads the events after the cursors, publishes them, and then moves the cursors. The events of a
conversation are published in order and at least once: after a crash, the last batch is published again. If a log and
its cursor have different epochs, the log was erased or replaced. The task then publishes one message that reports the
change, and skips the remaining events of the old log. Every server that uses the store publishes events. Each server
also searches all conversations from time to time for unpublished events that crashed servers or commands have written.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

import msgspec

from manent.core.conversation_log import Cursor, Lease, LogEntry, UnpublishedEvents
from manent.core.errors import BrokerError, ManentError
from manent.core.events import outside_json
from manent.runtime.loops import Loop
from manent.runtime.metrics import Metrics
from manent.runtime.ports.broker import Broker, Outgoing
from manent.runtime.ports.store import Outbox
from manent.runtime.server_name import is_dead

log = logging.getLogger("manent.broker")

GATHER_S: Final = 0.2
"""Time for which waiting conversations are collected.

They then share the two commits and two reads of a round, which take some milliseconds of CPU.
"""

CONVERSATIONS_AT_ONCE: Final = 256
EVENTS_AT_ONCE: Final = 4_000
"""Maximum number of events in one round, over all its conversations (about 4 MB).

After a failure the number is reduced until publishing succeeds, so that a slow broker does not receive the same large
batch forever.
"""

PUBLISH_S: Final = 10.0
LEASE_S: Final = 30.0
"""Duration of a lease.

Seconds until a lease ends. This is longer than one round of publishing, so leases are not renewed.
"""

SEARCH_INTERVAL_S: Final = 30.0
SEARCH_BATCH: Final = 1_000
PAUSE_FACTOR: Final = 9.0
"""Pause after the search of a batch, as a multiple of the duration of the search.

So searching takes at most a tenth of the time.
"""

BUSY_S: Final = 0.25
"""Pause in seconds while another server is publishing the same conversations."""

RETRY_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses in seconds between attempts while the broker is unavailable. The last pause is repeated."""

MAX_WAITING: Final = 100_000
"""Maximum number of waiting conversations in memory. The search for unpublished events finds the others."""

ERASED: Final = "conversation_erased"
"""Type of the message which reports that all events published so far for a conversation are invalid."""


class Publisher:
    """Publishes the events of all conversations. Open it after the store and close it before the store.

    Args:
        store: contains the logs and their cursors.
        broker: receives the events.
        owner: name of this process in leases.
        now: the clock for leases, in seconds since the epoch. All servers must use the same clock.
        metrics: counts failed rounds.

    Attributes:
        published: number of messages that the broker has stored.
        failures: number of failed attempts.
        trouble: code of the error that currently prevents publishing. None if publishing works.
    """

    def __init__(
        self,
        store: Outbox,
        broker: Broker,
        *,
        owner: str,
        now: Callable[[], float] = time.time,
        metrics: Metrics | None = None,
    ) -> None:
        self.store = store
        self.broker = broker
        self.owner = owner
        self.now = now
        self.published = 0
        self.failures = 0
        self.trouble: str | None = None
        self._waiting: dict[str, float] = {}
        self._in_hand: dict[str, float] = {}
        self._dead: set[str] = set()
        self._failed = 0
        self._room = EVENTS_AT_ONCE
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        metrics = metrics or Metrics()
        self._publishing = Loop("publishing", self._publish, metrics=metrics)
        self._searching = Loop("publishing_search", self._search, metrics=metrics)

    async def open(self) -> None:
        """Start publishing.

        Raises:
            StoreError: the store is not available.
        """
        await self.store.begin_publishing()
        self._publishing.open()
        self._searching.open()

    async def close(self, *, within_s: float = 3.0) -> None:
        """Publish waiting events within the time limit, if the broker is available.

        The remaining events are published after the next start.
        """
        await self._searching.close()
        self._wake.set()
        if self.trouble is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._idle.wait()
        await self._publishing.close()
        await self.broker.close()

    @property
    def waiting(self) -> int:
        """Number of conversations waiting for their events to be published."""
        return len(self._waiting) + len(self._in_hand)

    @property
    def lag_s(self) -> float:
        """Seconds for which the longest-waiting conversation has been waiting."""
        since = min([*self._waiting.values(), *self._in_hand.values()], default=None)
        return 0.0 if since is None else max(0.0, time.monotonic() - since)

    def note(self, sender_id: str, entries: Sequence[LogEntry] = ()) -> None:
        """Add a conversation whose log has changed. This method is registered in `Engine.log_readers`."""
        del entries  # events are read from the store when they are published
        self._note(sender_id, time.monotonic())

    def _note(self, sender_id: str, since: float) -> None:
        if len(self._waiting) < MAX_WAITING or sender_id in self._waiting:
            self._waiting[sender_id] = min(since, self._waiting.get(sender_id, since))
        self._idle.clear()
        self._wake.set()

    async def _publish(self) -> float:
        """Wait for conversations with unpublished events, and publish one batch.

        Return the pause until the next batch in seconds.
        """
        try:
            await self._publish_batch()
        except (BrokerError, TimeoutError) as error:
            self._on_failure(error)
        except ManentError:
            raise
        except Exception:
            self.failures += 1
            raise
        else:
            return 0.0
        self._failed += 1
        return RETRY_S[min(self._failed, len(RETRY_S)) - 1]

    async def _publish_batch(self) -> None:
        await self.broker.connect()
        if not self._waiting:
            self._on_success()
            self._publishing.succeeded()
            self._wake.clear()
            self._idle.set()
            await self._wake.wait()
            await self.broker.connect()  # the connection was possibly lost while no events were published
        if len(self._waiting) < CONVERSATIONS_AT_ONCE:
            await asyncio.sleep(GATHER_S)
        self._in_hand = dict(islice(self._waiting.items(), min(CONVERSATIONS_AT_ONCE, self._room)))
        for sender_id in self._in_hand:
            del self._waiting[sender_id]
        try:
            again = await self._round(list(self._in_hand))
        except BaseException:
            again = list(self._in_hand)
            raise
        finally:
            taken, self._in_hand = self._in_hand, {}
            for sender_id in again:
                self._note(sender_id, taken[sender_id])

    async def _round(self, sender_ids: list[str]) -> list[str]:
        """Publish the events of these conversations. Return the conversations that can have more events."""
        lease = Lease(owner=self.owner, until=self.now() + LEASE_S)
        claimed = await self.store.claim(sender_ids, lease, now=self.now(), over=self._dead)
        mine = [one for one in claimed if one.lease == lease]
        others = [one.sender_id for one in claimed if one.lease != lease]
        if not mine:
            await asyncio.sleep(BUSY_S)
            return others
        moved, gone = mine, list[str]()
        try:
            limit = self._room // len(mine)
            found = await self.store.unpublished(mine, limit=limit)
            messages = [message for one in found for message in messages_of(one)]
            if self.now() + PUBLISH_S > lease.until:
                return sender_ids  # publishing took so long that the leases are about to expire
            if messages:
                async with asyncio.timeout(PUBLISH_S):
                    await self.broker.publish(messages)
                self._on_success()
                self._room = min(2 * self._room, EVENTS_AT_ONCE)
            self.published += len(messages)
            moved = [after for one in found if (after := cursor_after(one)) is not None]
            gone = [one.cursor.sender_id for one in found if one.epoch is None]
        finally:
            await self.store.move(moved, gone, owner=self.owner)
        return others + [one.cursor.sender_id for one in found if may_have_more(one, limit)]

    def _on_success(self) -> None:
        self._failed = 0
        if self.trouble is not None:
            self.trouble = None
            log.info("the event broker is available again", extra={"waiting": self.waiting})

    def _on_failure(self, error: Exception) -> None:
        """Log only the first failure of an outage."""
        self.failures += 1
        self._room = max(1, self._room // 4)
        code = error.code if isinstance(error, BrokerError) else "broker_timeout"
        if self.trouble is None:
            message = error.message if isinstance(error, BrokerError) else f"no answer within {PUBLISH_S:.0f} s"
            log.warning(
                "the event broker is not available; events wait in the log", extra={"code": code, "error": message}
            )
        self.trouble = code

    async def _search(self) -> float:
        """Search all conversations for unpublished events. Return the pause until the next search in seconds."""
        after: str | None = ""
        while after is not None:
            began = time.monotonic()
            page = await self.store.behind(after=after, limit=SEARCH_BATCH)
            for sender_id, lease in page.found:
                if lease is not None and lease.owner != self.owner and is_dead(lease.owner):
                    self._dead.add(lease.owner)
                if lease is None or lease.until <= self.now() or lease.owner in (self.owner, *self._dead):
                    self.note(sender_id)
            after = page.upto
            await asyncio.sleep(PAUSE_FACTOR * (time.monotonic() - began))
        return SEARCH_INTERVAL_S


def message_of(sender_id: str, event: bytes, *, epoch: str, seq: int | str) -> Outgoing:
    """Return the message for an event: its JSON with `sender_id` as the first key."""
    body = b'{"sender_id":' + msgspec.json.encode(sender_id) + b"," + event[1:]
    return Outgoing(sender_id, f"{epoch}:{seq}", body)


def messages_of(unpublished: UnpublishedEvents) -> list[Outgoing]:
    """Return the messages for one conversation: its next events, or a message that its log was erased or replaced."""
    sender_id, epoch = unpublished.cursor.sender_id, unpublished.cursor.epoch
    if unpublished.epoch != epoch:
        notice = msgspec.json.encode({"event": ERASED, "timestamp": time.time()})
        return [message_of(sender_id, notice, epoch=epoch, seq="erased")]
    return [
        message_of(sender_id, shown, epoch=epoch, seq=seq)
        for seq, event in unpublished.events
        for shown in outside_json((event,))
    ]


def cursor_after(unpublished: UnpublishedEvents) -> Cursor | None:
    """Return the cursor after publishing, or None if the log no longer exists."""
    cursor = unpublished.cursor
    if unpublished.epoch is None:
        return None
    if unpublished.epoch != cursor.epoch:
        return Cursor(sender_id=cursor.sender_id, epoch=unpublished.epoch)
    seq = unpublished.events[-1][0] if unpublished.events else cursor.seq
    return Cursor(sender_id=cursor.sender_id, epoch=cursor.epoch, seq=seq)


def may_have_more(unpublished: UnpublishedEvents, limit: int) -> bool:
    """Return whether a conversation can have more unpublished events, because its log is new or the batch was full."""
    if unpublished.epoch != unpublished.cursor.epoch:
        return unpublished.epoch is not None
    return len(unpublished.events) == limit

"""Publishes what was committed to the event broker: the log is the outbox, a cursor beside it says how far it was read.

A turn only leaves the name of its conversation here, after its commit. In the background the conversations that wait
are leased, some at a time; what comes after their cursors is read from the store, handed to the broker, and then the
cursors are moved. So each conversation's events go out in order and at least once: after a crash in between, those of
the last moment go out again. A log that is not the one its cursor is from was erased or replaced: that is told once,
and what had not been told of it never is. Every server on a store does this; now and then each looks through all
conversations for what a server that is gone, or a command, has left.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

import msgspec

from manent.core.conversation_log import Cursor, Lease, LogEntry, Untold
from manent.core.errors import BrokerError, ManentError
from manent.runtime.ports.broker import Broker, Outgoing
from manent.runtime.ports.store import Outbox

log = logging.getLogger("manent.broker")

GATHER_S: Final = 0.2
"""How long what is to be published is gathered, so that turns share the two commits and two reads that a round costs:
some milliseconds of CPU."""

CONVERSATIONS_AT_ONCE: Final = 256
EVENTS_AT_ONCE: Final = 4_000
"""In a round, shared out among its conversations: some 4 MB. After a failure less, until it goes well again: a broker
that is too slow for many is not given the same many for ever."""

PUBLISH_S: Final = 10.0
LEASE_S: Final = 30.0
"""Longer than a round takes, so that no lease has to be renewed."""

LOOK_EVERY_S: Final = 30.0
LOOK_AT_ONCE: Final = 1_000
REST: Final = 9.0
"""How many times as long as a look at so many conversations took the next one is put off."""

BUSY_S: Final = 0.25
"""When another server is at publishing the same conversation."""

RETRY_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses between attempts to reach a broker that is away; the last one from then on."""

MOST_WAITING: Final = 100_000
"""Conversations remembered as waiting; beyond, they are found by looking."""

ERASED: Final = "conversation_erased"
"""The event that says that nothing that was published of a conversation until now counts any more."""


class Publisher:
    """See the module. Opened after the store, closed before it.

    Args:
        store: the logs and their cursors.
        broker: where events go.
        owner: this process, as leases name it.
        is_dead: whether a lease's process is known to be gone.

    Attributes:
        published: messages that the broker has taken.
        failures: attempts that failed.
        trouble: code of the error that keeps it from publishing, None when all is well.
    """

    def __init__(self, store: Outbox, broker: Broker, *, owner: str, is_dead: Callable[[Lease], bool]) -> None:
        self.store = store
        self.broker = broker
        self.owner = owner
        self.is_dead = is_dead
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
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Begin.

        Raises:
            StoreError: it cannot be begun.
        """
        await self.store.begin_publishing()
        self._tasks = [asyncio.create_task(self._publish_forever()), asyncio.create_task(self._look_forever())]

    async def close(self, *, within_s: float = 3.0) -> None:
        """Publish what waits, within a bound and if the broker is there; the rest waits for the next start."""
        publishing, looking = self._tasks
        looking.cancel()
        self._wake.set()
        if self.trouble is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), within_s)
        publishing.cancel()
        await asyncio.gather(publishing, looking, return_exceptions=True)
        await self.broker.close()

    @property
    def waiting(self) -> int:
        """Conversations that are known to have something unpublished."""
        return len(self._waiting) + len(self._in_hand)

    @property
    def lag_s(self) -> float:
        """For how long the one that waits the longest is known to wait."""
        since = min([*self._waiting.values(), *self._in_hand.values()], default=None)
        return 0.0 if since is None else max(0.0, time.monotonic() - since)

    def note(self, sender_id: str, entries: Sequence[LogEntry] = ()) -> None:
        """Learn that a log has grown, or is gone. A reader of the log (`Conversations.readers`)."""
        del entries  # read again from the store, when their turn has come
        self._note(sender_id, time.monotonic())

    def _note(self, sender_id: str, since: float) -> None:
        if len(self._waiting) < MOST_WAITING or sender_id in self._waiting:
            self._waiting[sender_id] = min(since, self._waiting.get(sender_id, since))
        self._idle.clear()
        self._wake.set()

    # publishing -----------------------------------------------------------------------------------------------------

    async def _publish_forever(self) -> None:
        while True:
            try:
                await self._rounds()
            except (BrokerError, TimeoutError) as error:
                self._is_unwell(error)
            except ManentError as error:
                log.warning("cannot read what is to be published", extra={"code": error.code, "error": error.message})
            except Exception:
                self.failures += 1
                log.exception("publishing failed")  # a fault of ours must not end it for good
            await asyncio.sleep(RETRY_S[min(self._failed, len(RETRY_S) - 1)])
            self._failed += 1

    async def _rounds(self) -> None:
        while True:
            await self.broker.connect()
            if not self._waiting:
                self._is_well()
                self._wake.clear()
                self._idle.set()
                await self._wake.wait()
                await self.broker.connect()  # which may have been lost in a quiet hour
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
        """Publish what these conversations have for it; return those that may have more."""
        lease = Lease(owner=self.owner, until=time.time() + LEASE_S)
        claimed = await self.store.claim(sender_ids, lease, now=time.time(), over=self._dead)
        mine = [one for one in claimed if one.lease == lease]
        others = [one.sender_id for one in claimed if one.lease != lease]
        if not mine:
            await asyncio.sleep(BUSY_S)
            return others
        moved, gone = mine, list[str]()
        try:
            limit = self._room // len(mine)
            found = await self.store.untold(mine, limit=limit)
            messages = [message for one in found for message in messages_of(one)]
            if time.time() + PUBLISH_S > lease.until:
                return sender_ids  # held up for so long that others may soon be at it, or have erased it
            if messages:
                async with asyncio.timeout(PUBLISH_S):
                    await self.broker.publish(messages)
                self._is_well()
                self._room = min(2 * self._room, EVENTS_AT_ONCE)
            self.published += len(messages)
            moved = [after for one in found if (after := cursor_after(one)) is not None]
            gone = [one.cursor.sender_id for one in found if one.epoch is None]
        finally:
            await self.store.move(moved, gone, owner=self.owner)
        return others + [one.cursor.sender_id for one in found if may_have_more(one, limit)]

    def _is_well(self) -> None:
        self._failed = 0
        if self.trouble is not None:
            self.trouble = None
            log.info("the event broker is back", extra={"waiting": self.waiting})

    def _is_unwell(self, error: Exception) -> None:
        """Say it once; an outage of hours is one line."""
        self.failures += 1
        self._room = max(1, self._room // 4)
        code = error.code if isinstance(error, BrokerError) else "broker_timeout"
        if self.trouble is None:
            said = error.message if isinstance(error, BrokerError) else f"no answer within {PUBLISH_S:.0f} s"
            log.warning("the event broker is away; events wait in the log", extra={"code": code, "error": said})
        self.trouble = code

    # looking --------------------------------------------------------------------------------------------------------

    async def _look_forever(self) -> None:
        while True:
            try:
                await self._look()
            except ManentError as error:
                log.warning("cannot look for what is unpublished", extra={"code": error.code, "error": error.message})
            except Exception:
                log.exception("looking for what is unpublished failed")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        """Go through all conversations, a tenth of the time at most."""
        after: str | None = ""
        while after is not None:
            began = time.monotonic()
            page = await self.store.behind(after=after, limit=LOOK_AT_ONCE)
            for sender_id, lease in page.found:
                if lease is not None and lease.owner != self.owner and self.is_dead(lease):
                    self._dead.add(lease.owner)
                if lease is None or lease.until <= time.time() or lease.owner in (self.owner, *self._dead):
                    self.note(sender_id)
            after = page.upto
            await asyncio.sleep(REST * (time.monotonic() - began))


def message_of(sender_id: str, event: bytes, *, epoch: str, seq: int | str) -> Outgoing:
    """Return an event's JSON as brokers are given it: with the `sender_id` as its first key."""
    body = b'{"sender_id":' + msgspec.json.encode(sender_id) + b"," + event[1:]
    return Outgoing(sender_id, f"{epoch}:{seq}", body)


def messages_of(untold: Untold) -> list[Outgoing]:
    """Return what is to be said of one conversation: its next events, or that it was erased or replaced."""
    sender_id, epoch = untold.cursor.sender_id, untold.cursor.epoch
    if untold.epoch != epoch:
        notice = msgspec.json.encode({"event": ERASED, "timestamp": time.time()})
        return [message_of(sender_id, notice, epoch=epoch, seq="erased")]
    return [message_of(sender_id, event, epoch=epoch, seq=seq) for seq, event in untold.events]


def cursor_after(untold: Untold) -> Cursor | None:
    """Return the cursor once that was said; None when it has nothing to point at any more."""
    cursor = untold.cursor
    if untold.epoch is None:
        return None
    if untold.epoch != cursor.epoch:
        return Cursor(sender_id=cursor.sender_id, epoch=untold.epoch)
    seq = untold.events[-1][0] if untold.events else cursor.seq
    return Cursor(sender_id=cursor.sender_id, epoch=cursor.epoch, seq=seq)


def may_have_more(untold: Untold, limit: int) -> bool:
    """Whether there may be more than was said: another log in its place, or events beyond those that were asked for."""
    if untold.epoch != untold.cursor.epoch:
        return untold.epoch is not None
    return len(untold.events) == limit

"""Sends bot messages over the channels of messenger platforms. The log is the outbox: each route has a position in it.

After a commit, `note` adds the conversation. A background task acquires leases on routes, sends the messages after
their positions part by part, and moves the position after each part. So a conversation's messages are sent in order and
at least once: if a crash interrupts a part, the part is sent again. Every server that uses the store sends messages,
and searches all routes for messages that a dead server has not sent.

Each channel sends to many conversations at the same time. A platform that is slow or rejects calls does not delay other
channels or conversations.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from manent.core.conversation_log import Head, Lease, LogEntry
from manent.core.errors import ManentError, StoreError
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route, Undelivered
from manent.runtime.loops import Loop
from manent.runtime.metrics import Metrics
from manent.runtime.ports.channel import NOT_SHOWN, Messenger, SendLater, Undeliverable
from manent.runtime.ports.store import ConversationStore
from manent.runtime.server_name import is_dead
from manent.runtime.spans import NO_SPANS, Spans
from manent.runtime.visitor_messages import spoken

log = logging.getLogger("manent.channels")

AT_ONCE: Final = 64
"""Maximum number of conversations to which one channel sends at the same time."""

MAX_WAITING: Final = 100_000
"""Maximum number of waiting conversations in memory per channel. The search through all routes finds the others."""

MAX_TRACED: Final = 10_000
"""Maximum number of messages whose spans are kept until they are sent. The sends of older messages begin new traces."""

BATCH: Final = 256
PAGE: Final = 200
SEND_TIMEOUT_S: Final = 45.0
LEASE_S: Final = 120.0
"""Seconds until a lease ends. This is longer than the timeout of a send. Each sent part renews the lease."""

BUSY_S: Final = 0.5
"""Pause in seconds while another server is sending a conversation's messages."""

SEARCH_INTERVAL_S: Final = 5.0
SEARCH_BATCH: Final = 1_000
PAUSE_FACTOR: Final = 9.0
"""Pause after the search of one batch, as a multiple of its duration. With 9, searching takes at most a tenth of the
time."""

RETRY_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Pauses in seconds after failed attempts to send. The last one repeats."""

MAX_RETRY_AFTER_S: Final = 3_600.0
GIVE_UP_S: Final = 86_400.0
"""Age in seconds at which an unsent message becomes undeliverable."""

MAX_FAULTS: Final = 3
"""Number of attempts with an error in the channel's code after which a part is undeliverable."""

MAX_REASON: Final = 300
"""Maximum number of characters of a stored reason."""


@dataclass(slots=True)
class Lane:
    """The conversations of one channel that have messages to send.

    Attributes:
        messenger: the channel.
        waiting: ids of conversations that can have messages to send.
        running: the conversations to which messages are being sent.
        again: running conversations to which new events were appended.
        interrupted: waiting conversations whose last sender stopped without releasing its lease.
        faults: conversation → number of attempts to send its next part that caused an error in the channel's code.
        sent: number of parts that were sent.
        retried: number of failed attempts.
        uncertain: number of sends with an unknown result. Each is repeated, so its part can arrive twice.
        undeliverable: number of parts that the platform rejected.
        trouble: reason of the last failed attempt. None if the last attempt succeeded.
    """

    messenger: Messenger
    waiting: dict[str, None] = field(default_factory=dict)
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    again: set[str] = field(default_factory=set)
    interrupted: set[str] = field(default_factory=set)
    faults: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    retried: int = 0
    uncertain: int = 0
    undeliverable: int = 0
    trouble: str | None = None


class Sender:
    """Sends the bot messages of all messenger channels. Open it after the store and close it before the store.

    Args:
        store: contains the logs and the routes.
        messengers: the channels by name.
        owner: name of this process in leases.
        now: the clock for leases, in seconds since the epoch. All servers must use the same clock.
        metrics: counts failed rounds.
        spans: opens the span of each send.

    Attributes:
        lanes: channel name → its conversations and counts.
    """

    def __init__(
        self,
        store: ConversationStore,
        messengers: Mapping[str, Messenger],
        *,
        owner: str,
        now: Callable[[], float] = time.time,
        metrics: Metrics | None = None,
        spans: Spans = NO_SPANS,
    ) -> None:
        self.lanes = {name: Lane(messenger) for name, messenger in messengers.items()}
        self._store = store
        self._owner = owner
        self._now = now
        self._noted: dict[str, None] = {}
        self._spans = spans
        self._traced: dict[tuple[str, int], str] = {}
        self._dead: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        metrics = metrics or Metrics()
        self._distributing = Loop("sending", self._distribute, metrics=metrics)
        self._searching = Loop("sending_search", self._search, metrics=metrics)
        self._is_closing = False

    async def open(self) -> None:
        """Start to send."""
        self._distributing.open()
        self._searching.open()

    async def close(self, *, within_s: float = 5.0) -> None:
        """Wait for running sends within the time limit. The remaining messages are sent after the next start."""
        self._is_closing = True
        await self._searching.close()
        await self._distributing.close()
        for timer in self._timers.values():
            timer.cancel()
        running = [task for lane in self.lanes.values() for task in lane.running.values()]
        if running:
            _, late = await asyncio.wait(running, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        with suppress(StoreError):  # the leases expire
            await self._store.release_routes(self._owner)

    @property
    def waiting(self) -> int:
        """Number of conversations with messages waiting to be sent."""
        return len(self._noted) + sum(len(lane.waiting) + len(lane.running) for lane in self.lanes.values())

    def note(self, sender_id: str, entries: Sequence[LogEntry] = ()) -> None:
        """Add a conversation whose log has changed. Registered in `Engine.log_readers`.

        The events are read from the store when they are sent. Here, only the span in which they were committed is kept.
        """
        traceparent = self._spans.traceparent()
        if traceparent is not None:
            for entry in entries:
                if spoken(entry.event) is not None:
                    self._traced[sender_id, entry.seq] = traceparent
            while len(self._traced) > MAX_TRACED:
                del self._traced[next(iter(self._traced))]
        if len(self._noted) < MAX_WAITING:
            self._noted[sender_id] = None
            self._distributing.wake()

    async def _distribute(self) -> float:
        """Add noted conversations to the lanes of their channels, and start sending in lanes below their limit.

        Return the pause until the next round in seconds.
        """
        while self._noted:
            batch = list(self._noted)[:BATCH]
            routes = await self._store.routes(batch)
            for sender_id in batch:
                self._noted.pop(sender_id, None)
            now = self._now()
            for route in routes:
                lane = self.lanes.get(route.channel)
                if lane is None:
                    continue
                lease = route.lease
                if (
                    lease is not None
                    and lease.owner != self._owner
                    and (lease.until <= now or lease.owner in self._dead)
                ):
                    lane.interrupted.add(route.sender_id)
                if route.sender_id in lane.running:
                    lane.again.add(route.sender_id)
                elif len(lane.waiting) < MAX_WAITING:
                    lane.waiting[route.sender_id] = None
        for lane in self.lanes.values():
            await self._start(lane)
        return SEARCH_INTERVAL_S

    async def _start(self, lane: Lane) -> None:
        room = AT_ONCE - len(lane.running)
        chosen = list(lane.waiting)[: max(0, room)]
        if not chosen or self._is_closing:
            return
        now = self._now()
        lease = Lease(owner=self._owner, until=now + LEASE_S)
        claimed = await self._store.claim_routes(chosen, lease, now=now, over=self._dead)
        for sender_id in chosen:
            lane.waiting.pop(sender_id, None)
        for route in claimed:
            task = asyncio.create_task(self._send_all(lane, route))
            lane.running[route.sender_id] = task
        others = set(chosen) - {route.sender_id for route in claimed}
        for route in await self._store.routes(sorted(others)) if others else ():
            self._note_later(route.sender_id, max(route.retry_at - now, BUSY_S))

    def _note_later(self, sender_id: str, delay_s: float) -> None:
        """Add a conversation again after a pause. "": only wake up."""
        if self._is_closing or (len(self._timers) >= MAX_WAITING and sender_id not in self._timers):
            return  # the search finds it
        before = self._timers.pop(sender_id, None)
        if before is not None:
            before.cancel()
        self._timers[sender_id] = asyncio.get_running_loop().call_later(delay_s, self._note_now, sender_id)

    def _note_now(self, sender_id: str) -> None:
        self._timers.pop(sender_id, None)
        if sender_id:
            self.note(sender_id)
        self._distributing.wake()

    async def _send_all(self, lane: Lane, route: Route) -> None:
        """Send all messages after a route's position, and release the lease."""
        try:
            while True:
                lane.again.discard(route.sender_id)
                found = await self._send_page(lane, route)
                if found is None:
                    return
                route, is_done = found
                if is_done and route.sender_id not in lane.again:
                    await self._store.move_route(replace(route, lease=None), owner=self._owner)
                    return
        except ManentError as error:
            extra = {"sender_id": route.sender_id, "code": error.code, "error": error.message}
            log.warning("could not read or store the position of a messenger conversation; trying again", extra=extra)
            self._note_later(route.sender_id, BUSY_S)
        except Exception:
            log.exception("could not send", extra={"sender_id": route.sender_id, "channel": route.channel})
            self._note_later(route.sender_id, RETRY_S[-1])
        finally:
            lane.running.pop(route.sender_id, None)
            if route.sender_id in lane.again:
                lane.again.discard(route.sender_id)
                self.note(route.sender_id)
            self._distributing.wake()

    async def _send_page(self, lane: Lane, route: Route) -> tuple[Route, bool] | None:
        """Send the next entries.

        Return the new position, and whether it is the end of the log. Return None if the lease was released.
        """
        head = await self._store.head(route.sender_id)
        if head is None:
            return route, True
        if route.epoch == "":
            route = replace(route, epoch=head.epoch)
        elif route.epoch != head.epoch:  # the log was replaced, and the store has moved the position behind it
            return await self._position_in_new_log(route, head)
        entries = await self._store.entries(route.sender_id, after=route.seq, limit=PAGE)
        for entry in entries:
            said = spoken(entry.event) if entry.view is not None else None
            if said is not None:
                with self._spans.continued(self._traced.get((route.sender_id, entry.seq))):
                    moved = await self._send_message(lane, route, entry.seq, said)
                if moved is None:
                    return None
                self._traced.pop((route.sender_id, entry.seq), None)
                route = moved
            else:
                route = replace(route, seq=entry.seq, part=0)
        return route, len(entries) < PAGE

    async def _position_in_new_log(self, route: Route, head: Head) -> tuple[Route, bool] | None:
        found = await self._store.routes([route.sender_id])
        if not found or found[0].lease is None or found[0].lease.owner != self._owner:
            return None
        if found[0].epoch == head.epoch:
            return found[0], False
        # an earlier version of Manent, which did not move the position, has replaced the log
        return replace(route, epoch=head.epoch, seq=head.version, part=0, failures=0), True

    async def _send_message(self, lane: Lane, route: Route, seq: int, event: BotUttered) -> Route | None:
        """Send the parts of a bot message that have not been sent yet. Return None if the lease was released."""
        parts = _parts_of(lane.messenger, event)
        for number in range(min(route.part, len(parts)), len(parts)):
            undelivered: Undelivered | None = None
            uncertain: Undelivered | None = None
            if route.sender_id in lane.interrupted:
                lane.interrupted.discard(route.sender_id)
                uncertain = self._note_uncertain(lane, route, seq, number, "the server that was sending it stopped")
                if not await self._store.move_route(route, owner=self._owner, undelivered=uncertain):
                    return None
            try:
                with self._spans.call("send", lane.messenger.name):
                    await _send(lane.messenger, route, parts[number], f"{route.epoch}:{seq}:{number}")
                lane.sent += 1
                lane.trouble = None
            except asyncio.CancelledError:
                uncertain = self._note_uncertain(lane, route, seq, number, "the server is shutting down")
                with suppress(StoreError):  # the log of the server has it
                    await self._store.move_route(route, owner=self._owner, undelivered=uncertain)
                raise
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001  # `_failure` logs it
                failure = _failure(error, lane, route)
                age_s = time.time() - (event.timestamp or time.time())
                if isinstance(failure, SendLater) and not (age_s > GIVE_UP_S and route.failures >= len(RETRY_S)):
                    if failure.may_have_arrived:
                        uncertain = self._note_uncertain(lane, route, seq, number, failure.message)
                    await self._postpone(lane, route, failure, uncertain)
                    return None
                undelivered = self._refused(lane, route, seq, number, failure)
            lane.faults.pop(route.sender_id, None)
            is_last = number + 1 == len(parts)
            route = replace(
                route,
                seq=seq if is_last else seq - 1,
                part=0 if is_last else number + 1,
                failures=0,
                lease=Lease(owner=self._owner, until=self._now() + LEASE_S),
            )
            if not await self._move_after_send(route, undelivered):
                log.warning(
                    "could not store a position, because another server sends to this conversation or its log was"
                    " replaced",
                    extra={"sender_id": route.sender_id},
                )
                return None
        return replace(route, seq=seq, part=0)

    async def _move_after_send(self, route: Route, undelivered: Undelivered | None) -> bool:
        """Store the position after a part. Return False if another server has the lease.

        The platform has the part already, so only this write is repeated if it fails, or if the server stops.

        Raises:
            StoreError: the position was not stored before the lease ended.
        """
        try:
            return await self._move_until_stored(route, undelivered)
        except asyncio.CancelledError:
            with suppress(StoreError):  # the lease then shows the next server that the result is unknown
                await self._store.move_route(route, owner=self._owner, undelivered=undelivered)
            raise

    async def _move_until_stored(self, route: Route, undelivered: Undelivered | None) -> bool:
        until = time.monotonic() + LEASE_S
        while True:
            try:
                return await self._store.move_route(route, owner=self._owner, undelivered=undelivered)
            except StoreError as error:
                if time.monotonic() + BUSY_S > until:
                    raise
                extra = {"sender_id": route.sender_id, "code": error.code, "error": error.message}
                log.warning("could not store that a message was sent; trying again", extra=extra)
            await asyncio.sleep(BUSY_S)

    async def _postpone(self, lane: Lane, route: Route, failure: SendLater, uncertain: Undelivered | None) -> None:
        lane.retried += 1
        if lane.trouble is None:
            extra = {"channel": route.channel, "sender_id": route.sender_id, "error": failure.message}
            log.warning("the platform did not accept a message; it is sent again later", extra=extra)
        lane.trouble = failure.message
        pause_s = RETRY_S[min(route.failures, len(RETRY_S) - 1)]
        if failure.retry_after is not None:
            pause_s = min(failure.retry_after, MAX_RETRY_AFTER_S)
        postponed = replace(route, failures=route.failures + 1, retry_at=self._now() + pause_s, lease=None)
        await self._store.move_route(postponed, owner=self._owner, undelivered=uncertain)
        self._note_later(route.sender_id, pause_s)

    def _note_uncertain(self, lane: Lane, route: Route, seq: int, part: int, reason: str) -> Undelivered:
        """Log and count a send with an unknown result. Return the record of it for the store."""
        lane.uncertain += 1
        extra = {"channel": route.channel, "sender_id": route.sender_id, "seq": seq, "part": part, "reason": reason}
        log.warning("the result of a send is unknown; the message is sent again and can arrive twice", extra=extra)
        return Undelivered(seq=seq, part=part, reason=reason[:MAX_REASON], time=time.time(), is_uncertain=True)

    def _refused(self, lane: Lane, route: Route, seq: int, part: int, failure: ManentError) -> Undelivered:
        lane.undeliverable += 1
        reason = failure.message[:MAX_REASON]
        log.warning(
            "a message could not be delivered; later messages are sent",
            extra={"channel": route.channel, "sender_id": route.sender_id, "seq": seq, "part": part, "error": reason},
        )
        return Undelivered(seq=seq, part=part, reason=reason, time=time.time())

    async def _search(self) -> float:
        """Search all routes for unsent messages. Return the pause until the next search in seconds."""
        after: str | None = ""
        while after is not None:
            began = time.monotonic()
            page = await self._store.routes_behind(after=after, limit=SEARCH_BATCH)
            now = self._now()
            for route in page.found:
                lease = route.lease
                if lease is not None and lease.owner != self._owner and is_dead(lease.owner):
                    self._dead.add(lease.owner)
                is_free = lease is None or lease.until <= now or lease.owner in (self._owner, *self._dead)
                if is_free and route.retry_at <= now:
                    self.note(route.sender_id)
            after = page.upto
            await asyncio.sleep(PAUSE_FACTOR * (time.monotonic() - began))
        return SEARCH_INTERVAL_S


def _parts_of(messenger: Messenger, event: BotUttered) -> Sequence[Json]:
    """Return the parts of a message. If the channel cannot make them, return one part that is not shown."""
    try:
        return messenger.parts(event)
    except Exception as error:
        log.exception("could not divide a message into parts", extra={"channel": messenger.name})
        return [{NOT_SHOWN: f"the channel cannot show this message ({type(error).__name__}: {error})"}]


def _failure(error: Exception, lane: Lane, route: Route) -> ManentError:
    """Return why a part was not sent, or why it is not known whether it was. Count an error in the channel's code."""
    if isinstance(error, Undeliverable | SendLater):
        return error
    if isinstance(error, TimeoutError):
        return SendLater(f"no answer in {SEND_TIMEOUT_S:.0f} s", may_have_arrived=True)
    reason = f"an error in the channel ({type(error).__name__}: {error})"
    log.error("could not send", extra={"sender_id": route.sender_id, "channel": route.channel}, exc_info=error)
    faults = lane.faults[route.sender_id] = lane.faults.get(route.sender_id, 0) + 1
    if faults >= MAX_FAULTS:
        return Undeliverable(reason)
    return SendLater(reason, may_have_arrived=True)


async def _send(messenger: Messenger, route: Route, part: Json, key: str) -> None:
    """Send one part.

    Raises:
        SendLater, Undeliverable, TimeoutError: the part was not sent, or it is not known whether it was.
    """
    if (omission := part.get(NOT_SHOWN)) is not None:
        raise Undeliverable(str(omission))
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await messenger.send_part(route, part, key)

"""One conversation: takes what comes in one at a time, drives the turn, commits, hands out.

The way of a message from here: `submit` puts it in the mailbox; the worker loads the tracker if it has none, runs the
turn (`dialogue/turn.py` decides, this module performs), appends to the store, resolves the ticket's `accepted`, and
publishes what is now durable to every subscriber. Store before delivery, always: nothing is published, and nothing
acknowledged, that is not committed. A turn that needs nobody outside is one commit. Before somebody outside is asked
(a custom action, a text generator), what there is so far is committed with a lease, so that after a crash this server
or its heir goes on from there (`_finish_open_turn`).

This module knows no wire format and no transport.
"""

import asyncio
import contextlib
import hashlib
import logging
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from manent.core.errors import ActionError, InternalError, ManentError, RequestError
from manent.core.events import Event, Json, Restarted, SessionStarted, UserUttered
from manent.core.log import Accepted, Append, Divider, FireReminder, Head, Lease, LogEntry, Snapshot, View
from manent.core.messages import UserMessage
from manent.core.tracker import Tracker, WindowExceeded
from manent.dialogue.turn import CallAction, Finished, Generate, Step, Turn, Understand
from manent.runtime import view
from manent.runtime.due import changes_of
from manent.runtime.measures import turn_id
from manent.runtime.ports import DuplicateMessage, Loaded, VersionConflict

if TYPE_CHECKING:
    from manent.runtime.conversations import Conversations

log = logging.getLogger("manent.conversation")

T = TypeVar("T")

SNAPSHOT_EVERY = 200
"""Events between snapshots. A load reads one snapshot (some 30 kB) and at most this many events: about 2 ms."""

LEASE_S = 30.0
TYPING_AFTER_S = 0.3
TYPING_EVERY_S = 5.0
ATTEMPTS = 5
"""How often a turn is decided again because another server was faster."""

OUTPUT_CHANNELS = {"rest": "collector"}
"""Name of the output channel where it is not the input channel's (contract §2: responses)."""


class Subscriber(Protocol):
    """A socket that follows a conversation."""

    def deliver(self, entries: Sequence[LogEntry]) -> None:
        """Take newly committed visible entries, oldest first. Must not block."""

    def typing(self, *, on: bool) -> None:
        """Learn that the bot is (no longer) at work on something slow."""

    def changed(self, told: Json) -> None:
        """Learn that the conversation goes on elsewhere; `told` is `session_changed`'s payload."""

    def failed(self, error: ManentError, *, message_id: str | None, seq: int | None) -> None:
        """Learn of something that went wrong with a message after it was accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A message was accepted: its user event is number `seq`; `duplicate`: it had been before."""

    seq: int
    duplicate: bool = False


@dataclass(slots=True, eq=False)
class Ticket:
    """A submitted message.

    Attributes:
        epoch: of the log that the message is meant for; None: whichever there is.
        confirm: asked, with the log's head in hand, whether its sender may still speak here; raises if not.
        accepted: resolves when the message is durable, or fails with what is wrong with it.
        finished: resolves when its turn is over, with the visible entries that it committed. Never fails.
        error: what went wrong, before or after acceptance.
        arrived: on the clock that turns are timed with.
    """

    message: UserMessage
    message_id: str
    digest: bytes
    epoch: str | None
    accepted: asyncio.Future[Receipt]
    finished: asyncio.Future[list[LogEntry]]
    confirm: Callable[[Head], None] | None = None
    entries: list[LogEntry] = field(default_factory=list)
    error: ManentError | None = None
    arrived: float = field(default_factory=time.perf_counter)

    def fail(self, error: ManentError) -> None:
        """End the ticket with an error, which whoever awaits `accepted` gets."""
        self.error = error
        if not self.accepted.done():
            self.accepted.set_exception(error)
            self.accepted.exception()  # a sender that left meanwhile is no reason for a warning
        self.finish()

    def finish(self) -> None:
        """The turn is over."""
        if not self.finished.done():
            self.finished.set_result(self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """Events that are copied from another conversation.

    Attributes:
        shown: how each of them showed there.
        message_id: used up with them, so that the same copy is not made twice.
    """

    shown: Sequence[View | None]
    message_id: str


class Conversation:
    """The mailbox and the state of one `sender_id` in this process.

    Attributes:
        subscribers: sockets that follow it; whoever adds one calls `Conversations.get` first and `release` at the end.
        seen: epoch and version up to which the subscribers were given everything; None before the first of them.
        plain_seq: bot events up to here are known to have reached a plain client.
        owner: the subject that owns it, once somebody was admitted as such; written with the next append.
    """

    __slots__ = (
        "_cut",
        "_deep",
        "_jobs",
        "_snapshot_version",
        "_worker",
        "head",
        "home",
        "owner",
        "plain_seq",
        "seen",
        "sender_id",
        "subscribers",
        "tickets",
        "tracker",
    )

    def __init__(self, sender_id: str, home: "Conversations") -> None:
        self.sender_id = sender_id
        self.home = home
        self.head: Head | None = None
        self.tracker: Tracker | None = None
        self.subscribers: list[Subscriber] = []
        self.tickets: dict[str, Ticket] = {}
        self.plain_seq = 0
        self.owner: str | None = None
        self.seen: tuple[str, int] | None = None
        self._jobs: deque[Callable[[], Awaitable[None]]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._snapshot_version = 0
        self._deep = 0
        self._cut: asyncio.Future[None] | None = None

    # the mailbox ----------------------------------------------------------------------------------------------------

    @property
    def working(self) -> bool:
        """A message or other work is being seen through, or waits."""
        return self._worker is not None

    @property
    def waiting(self) -> int:
        """How many messages and other jobs wait for their turn."""
        return len(self._jobs)

    @property
    def idle(self) -> bool:
        """Nobody follows it and nothing is to be done."""
        return self._worker is None and not self._jobs and not self.subscribers

    def submit(
        self, message: UserMessage, *, epoch: str | None = None, confirm: Callable[[Head], None] | None = None
    ) -> Ticket:
        """Put a message in the mailbox; its turn begins when those before it are done.

        The same `message_id` while the first still waits or is at work: the first one's ticket.

        Raises:
            RequestError: `busy` (too many wait), `server_closing`, or `message_id_conflict`.
        """
        digest = hashlib.sha256(message.text.encode(errors="replace")).digest()
        message_id = message.message_id or secrets.token_hex(16)
        waiting = self.tickets.get(message_id)
        if waiting is not None:
            if waiting.digest != digest:
                raise message_id_conflict(message_id)
            return waiting
        self._check_room()
        loop = asyncio.get_running_loop()
        if message.message_id is None:
            message = replace(message, message_id=message_id)
        ticket = Ticket(
            message=message,
            message_id=message_id,
            digest=digest,
            epoch=epoch,
            accepted=loop.create_future(),
            finished=loop.create_future(),
            confirm=confirm,
        )
        self.tickets[message_id] = ticket
        self._enqueue(lambda: self._take(ticket))
        return ticket

    async def perform(self, work: Callable[["Conversation"], Awaitable[T]]) -> T:
        """Run `work` when its turn has come, alone with the conversation, and return what it returns.

        Raises:
            RequestError: `busy` or `server_closing`; also whatever `work` raises.
        """
        self._check_room()
        return await self._perform(work)

    async def erase(self, *, new_epoch: str | None) -> bool:
        """Remove the conversation with all that is kept of it, without waiting for an action that is at work.

        Messages that wait are refused (`conversation_changed`); what an action or another server answers later is
        discarded, because the log that it was for is gone. Those who follow it are told by the caller.

        Args:
            new_epoch: leave an empty conversation under this epoch.

        Returns:
            Whether there was one.

        Raises:
            StoreError: it is still there.
        """
        for ticket in tuple(self.tickets.values()):
            if not ticket.accepted.done():
                ticket.fail(conversation_changed())
        if self._cut is not None and not self._cut.done():
            self._cut.set_result(None)

        async def work(_: "Conversation") -> bool:
            found = await self.home.store.erase(self.sender_id, new_epoch=new_epoch)
            self.forget()
            self.seen = None
            self.plain_seq = 0
            self.owner = None
            return found

        return await self._perform(work)

    async def _perform(self, work: Callable[["Conversation"], Awaitable[T]]) -> T:
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        async def job() -> None:
            try:
                value = await work(self)
            except asyncio.CancelledError:
                result.cancel()  # the server ends; whoever waits must not wait for ever
                raise
            except Exception as error:  # noqa: BLE001  # handed to the caller, who is waiting for it
                self.forget()
                if not result.done():
                    result.set_exception(error)
            else:
                if not result.done():
                    result.set_result(value)

        self._enqueue(job)
        return await result

    def _check_room(self) -> None:
        if self.home.closing:
            self.home.measures.refuse("server_closing")
            raise RequestError("server_closing", "the server is shutting down", status=503, retry_after=1.0)
        if len(self._jobs) >= self.home.limits.waiting_per_conversation:
            self.home.measures.refuse("busy")
            raise RequestError(
                "busy", "too many messages of this conversation are waiting", status=429, retry_after=1.0
            )

    def _enqueue(self, job: Callable[[], Awaitable[None]]) -> None:
        self._jobs.append(job)
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())
            self.home.working(self._worker)

    async def _work(self) -> None:
        try:
            while self._jobs:
                await self._jobs.popleft()()
        finally:
            self._worker = None
            self.home.release(self)

    # a message ------------------------------------------------------------------------------------------------------

    async def _take(self, ticket: Ticket) -> None:
        """See one message through: accepted, answered, published; or failed, visibly for its sender."""
        if ticket.finished.done():  # refused while it waited
            self.tickets.pop(ticket.message_id, None)
            return
        turn_id.set(ticket.message_id)
        self.home.measures.queued.observe(time.perf_counter() - ticket.arrived)
        try:
            await self._take_with_retries(ticket)
        except DuplicateMessage as duplicate:
            self.forget()
            await self._repeat(ticket, duplicate.accepted)
        except Erased as error:
            self.forget()
            ticket.fail(error)
        except ManentError as error:
            self._report(ticket, error)
        except Exception as error:
            log.exception("turn failed", extra={"sender_id": self.sender_id, "message_id": ticket.message_id})
            self._report(
                ticket, InternalError("internal_error", f"the message could not be handled: {type(error).__name__}")
            )
            await self._abandon()
        finally:
            self.tickets.pop(ticket.message_id, None)
            ticket.finish()

    async def _take_with_retries(self, ticket: Ticket) -> None:
        for attempt in range(ATTEMPTS):
            try:
                await self.load()
                if ticket.epoch is not None and self.head is not None and ticket.epoch != self.head.epoch:
                    raise conversation_changed()
                if ticket.confirm is not None and self.head is not None:
                    ticket.confirm(self.head)
                await self._finish_open_turn()
                if ticket.accepted.done():
                    return  # accepted before a conflict; whoever won went on with the turn, or we just did
                await self._run(lambda turn: turn.start(ticket.message), ticket)
            except VersionConflict:
                self.forget()
                if attempt == ATTEMPTS - 1:
                    raise
            except WindowExceeded:
                self.forget()
                self._deep += 1
            else:
                return
        raise InternalError("internal_error", "the message could not be decided, however often it was tried")

    def _report(self, ticket: Ticket, error: ManentError) -> None:
        self.forget()
        if ticket.accepted.done():
            self.home.measures.failed += 1
            for subscriber in tuple(self.subscribers):
                subscriber.failed(error, message_id=ticket.message_id, seq=None)
        else:
            self.home.measures.refuse(error.code)
        ticket.fail(error)

    async def _repeat(self, ticket: Ticket, accepted: Accepted) -> None:
        """Answer a message that was accepted before: the first one's number and what the bot said to it."""
        if accepted.digest != ticket.digest:
            ticket.fail(message_id_conflict(ticket.message_id))
            return
        self.home.measures.duplicates += 1
        ticket.accepted.set_result(Receipt(seq=accepted.seq, duplicate=True))
        page = await self.home.store.after(self.sender_id, accepted.seq, limit=self.home.limits.page)
        for entry in page.entries if page is not None else ():
            if isinstance(entry.event, UserUttered):
                break
            ticket.entries.append(entry)

    # the turn -------------------------------------------------------------------------------------------------------

    async def _run(
        self,
        begin: Callable[[Turn], Step],
        ticket: Ticket | None = None,
        *,
        fires: FireReminder | None = None,
        schedules: bool = True,
    ) -> Turn:
        """Drive one turn to its end, performing what it asks for."""
        assert self.tracker is not None  # noqa: S101  # load() ran
        assistant, measures, began = self.home.assistant, self.home.measures, time.perf_counter()
        self.tracker.domain = assistant.domain
        turn = Turn(assistant.dialogue, self.tracker, self.home.env())
        step = begin(turn)
        while not isinstance(step, Finished):
            if isinstance(step, Understand):
                asked = time.perf_counter()
                parse = await self.home.understand(assistant, step.text)
                measures.understood.observe(time.perf_counter() - asked)
                step = turn.feed(parse)
            else:
                await self.commit(turn.take_events(), ticket=ticket, open_turn=True, fires=fires, schedules=schedules)
                fires = None
                asked = time.perf_counter()
                try:
                    step = turn.feed(await self._outside(step))
                except ActionError as error:
                    log.warning(
                        "action failed", extra={"sender_id": self.sender_id, "code": error.code, "error": error.message}
                    )
                    step = turn.fail(error)
                finally:
                    measures.outside.observe(time.perf_counter() - asked)
        await self.commit(turn.take_events(), ticket=ticket, open_turn=False, fires=fires, schedules=schedules)
        self._deep = 0
        measures.turns.observe(time.perf_counter() - began)
        if len(self.tracker.applied) > 2 * assistant.dialogue.window:
            self.tracker.trim(assistant.dialogue.window)
        return turn

    async def _outside(self, step: CallAction | Generate) -> object:
        """Ask somebody outside, while the lease is renewed and visitors see that the bot is at work.

        Raises:
            Erased: meanwhile the conversation was; the answer is not waited for.
        """
        asked = asyncio.ensure_future(self.home.ask(self, step))
        cut = self._cut = asyncio.get_running_loop().create_future()
        typing_at: float = TYPING_AFTER_S
        renew_at = time.monotonic() + LEASE_S / 3
        try:
            while True:
                done, _ = await asyncio.wait({asked, cut}, timeout=typing_at, return_when=asyncio.FIRST_COMPLETED)
                if cut in done:
                    raise Erased
                if done:
                    return asked.result()
                typing_at = TYPING_EVERY_S
                for subscriber in tuple(self.subscribers):
                    subscriber.typing(on=True)
                if time.monotonic() >= renew_at:
                    renew_at = time.monotonic() + LEASE_S / 3
                    await self.commit([], open_turn=True)
        finally:
            self._cut = None
            asked.cancel()
            with contextlib.suppress(asyncio.CancelledError, ManentError):
                await asked

    async def _finish_open_turn(self) -> None:
        """Go on with a turn that a crash, or another server's death, left unfinished.

        Raises:
            RequestError: `busy`; another living server is at work on it.
        """
        assert self.head is not None  # noqa: S101  # load() ran
        if not self.head.open_turn:
            return
        lease = self.head.lease
        if lease is not None and lease.owner != self.home.owner and not self.home.may_take_over(lease):
            raise RequestError(
                "busy", "another server is at work on this conversation", status=503, retry_after=min(LEASE_S, 2.0)
            )
        log.info("finishing an open turn", extra={"sender_id": self.sender_id, "seq": self.head.version})
        await self._run(lambda turn: turn.resume(self._output_channel()))

    def _output_channel(self) -> str:
        channel = (self.tracker and self.tracker.latest_input_channel) or "rest"
        return OUTPUT_CHANNELS.get(channel, channel)

    async def recover(self) -> None:
        """Finish the open turn, if there is one; called at start and when a lease has run out."""

        async def work(_: "Conversation") -> None:
            for _attempt in range(ATTEMPTS):
                try:
                    await self.load()
                    await self._finish_open_turn()
                except WindowExceeded:
                    self.forget()
                    self._deep += 1
                except ManentError:
                    raise
                except Exception:
                    log.exception("an open turn failed again", extra={"sender_id": self.sender_id})
                    await self._abandon()
                    return
                else:
                    return

        await self.perform(work)

    async def _abandon(self) -> None:
        """End the open turn after a fault of ours, visibly: trying it again would fail again, for ever."""
        self.forget()
        try:
            await self.load()
            if self.head is not None and self.head.open_turn:
                await self._run(lambda turn: turn.abandon(self._output_channel()))
        except Exception:
            self.forget()
            log.exception("an open turn could not be ended", extra={"sender_id": self.sender_id})

    async def decide(
        self, begin: Callable[[Turn], Step], *, fires: FireReminder | None = None, schedules: bool = True
    ) -> None:
        """Run a turn that no channel's message began; inside `perform` only (see `operations.py`).

        A turn that was begun when another server took the log over is not begun again: whoever won goes on with it.

        Args:
            begin: calls the turn's entry point.
            fires: the reminder that it uses up.
            schedules: its reminder events count.

        Raises:
            RequestError: whatever the turn refuses; `busy` when another server is at work.
            ReminderGone: the reminder was used up or cancelled meanwhile; nothing was written.
            StoreError: it was not written.
        """
        begun = False
        for _ in range(ATTEMPTS):
            version = -1
            try:
                await self.load()
                await self._finish_open_turn()
                if begun:
                    return
                version = self.head.version if self.head is not None else 0
                await self._run(begin, fires=fires, schedules=schedules)
            except VersionConflict:
                begun = begun or (self.head is not None and self.head.version > version >= 0)
                self.forget()
            except WindowExceeded:
                self.forget()
                self._deep += 1
            else:
                return
        raise InternalError("internal_error", "the turn could not be decided, however often it was tried")

    async def take_in(self, make: Callable[[Tracker], tuple[Sequence[Event], Copied | None]]) -> None:
        """Append events that no turn decides (a claimed conversation's); inside `perform` only.

        Args:
            make: called with the tracker, again after a conflict; returns the events and where they are copied from.

        Raises:
            DuplicateMessage: the copy was made before; nothing was written.
            VersionConflict: another server was faster, however often it was tried.
            StoreError: nothing was written.
        """
        for attempt in range(ATTEMPTS):
            try:
                await self.load()
                await self._finish_open_turn()
                assert self.tracker is not None  # noqa: S101  # load() ran
                events, copied = make(self.tracker)
                for event in events:
                    self.tracker.update(event)
                await self.commit(events, open_turn=False, copied=copied)
            except VersionConflict:
                self.forget()
                if attempt == ATTEMPTS - 1:
                    raise
            except WindowExceeded:
                self.forget()
                self._deep += 1
            else:
                return

    async def replace(self, events: Sequence[Event]) -> None:
        """Put these events in the place of the log, under another epoch; inside `perform` only.

        Raises:
            VersionConflict: another server replaced it meanwhile.
            StoreError: nothing was written.
        """
        await self.load()
        old = self.head
        assert old is not None  # noqa: S101  # load() ran
        await self.home.store.create(old)
        now = time.time()
        empty = Head(
            sender_id=self.sender_id, epoch=secrets.token_hex(8), owner=old.owner, started=old.started, updated=now
        )
        tracker = Tracker(sender_id=self.sender_id, domain=self.home.assistant.domain)
        for event in events:
            tracker.update(event)
        numbering = _Numbering(empty, tracker, None)
        entries = tuple(numbering.entry(event) for event in events)
        head = replace(
            empty,
            version=numbering.seq,
            visible=numbering.visible,
            divider=numbering.divider,
            session_seq=numbering.session_seq,
        )
        await self.home.store.replace(Append(head=head, expected_version=0, entries=entries), expected_epoch=old.epoch)
        self.forget()
        self.seen = (head.epoch, head.version)
        self.plain_seq = 0
        for subscriber in tuple(self.subscribers):
            subscriber.changed({"reason": "erased", "session_id": self.sender_id, "epoch": head.epoch})

    # loading and committing -----------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Make `head` and `tracker` current, from the store unless they are at hand already.

        What is at hand may be out of date when another server writes; an append notices, and the turn is decided again.
        """
        if self.tracker is not None:
            return
        before: int | None = None
        deeper = self._deep  # snapshots to go back beyond the newest; a turn reverts more than its window held
        while True:
            loaded = await self.home.store.load(self.sender_id, before=before)
            if loaded is None:
                now = time.time()
                epoch = secrets.token_hex(8)
                self.head = Head(sender_id=self.sender_id, epoch=epoch, owner=self.owner, started=now, updated=now)
                self.tracker = Tracker(sender_id=self.sender_id, domain=self.home.assistant.domain)
                self._snapshot_version = 0
                return
            try:
                tracker = self._replay(loaded)
            except WindowExceeded:
                deeper = max(deeper, 1)
            if not deeper or loaded.snapshot is None:
                break
            deeper -= 1
            before = loaded.snapshot.version
        self.head = loaded.head
        self.tracker = tracker
        self._snapshot_version = loaded.snapshot.version if loaded.snapshot is not None else 0

    def _replay(self, loaded: Loaded) -> Tracker:
        domain = self.home.assistant.domain
        if loaded.snapshot is None:
            tracker = Tracker(sender_id=self.sender_id, domain=domain)
        else:
            tracker = Tracker.load(self.sender_id, domain, loaded.snapshot.data)
        for entry in loaded.entries:
            tracker.update(entry.event)
        return tracker

    def forget(self) -> None:
        """Let go of what is at hand; the next turn reads it from the store."""
        self.tracker = None
        self.head = None

    async def commit(
        self,
        events: Sequence[Event],
        *,
        ticket: Ticket | None = None,
        open_turn: bool,
        fires: FireReminder | None = None,
        schedules: bool = True,
        copied: Copied | None = None,
    ) -> list[LogEntry]:
        """Append events, then resolve the ticket and publish. Returns the visible entries.

        Args:
            events: already taken in by the tracker.
            ticket: the message that its first user event is.
            open_turn: the turn goes on after this; a lease is taken or renewed.
            copied: how these events showed in the conversation that they come from; the message ids used up there.
            fires: a reminder that is used up with it.
            schedules: reminder events among them count.

        Raises:
            VersionConflict: another server was faster; nothing was written.
            ReminderGone: the reminder to be used up is not there; nothing was written.
            DuplicateMessage: the ticket's message was accepted before; nothing was written.
            StoreError: nothing was written.
        """
        head, tracker = self.head, self.tracker
        assert head is not None  # noqa: S101  # load() ran
        assert tracker is not None  # noqa: S101
        lease = Lease(owner=self.home.owner, until=time.time() + LEASE_S) if open_turn else None
        if not events and head.open_turn == open_turn and lease is None:
            return []
        numbering = _Numbering(head, tracker, ticket)
        shown = copied.shown if copied is not None else [None] * len(events)
        entries = [numbering.entry(event, before) for event, before in zip(events, shown, strict=True)]
        after = replace(
            head,
            version=numbering.seq,
            visible=numbering.visible,
            divider=numbering.divider,
            session_seq=numbering.session_seq,
            plain_seq=max(head.plain_seq, min(self.plain_seq, head.version)),
            open_turn=open_turn,
            lease=lease,
            owner=head.owner or self.owner,
            updated=time.time(),
        )
        snapshot = None
        if not open_turn and after.version - self._snapshot_version >= SNAPSHOT_EVERY:
            snapshot = Snapshot(version=after.version, data=tracker.dump())
        accepted = numbering.accepted
        if copied is not None:
            accepted = Accepted(message_id=copied.message_id, seq=after.version, digest=b"")
        asked = time.perf_counter()
        await self.home.store.append(
            Append(
                head=after,
                expected_version=head.version,
                entries=tuple(entries),
                accepted=(accepted,) if accepted is not None else (),
                snapshot=snapshot,
                reminders=changes_of(self.sender_id, entries, self._output_channel, fires=fires, schedules=schedules),
            )
        )
        self.home.measures.appended.observe(time.perf_counter() - asked)
        self.head = after
        if self.seen is not None and self.seen != (head.epoch, head.version):
            await self.catch_up(head.epoch, head.version)  # what another server wrote before this
        self.seen = (after.epoch, after.version)
        if snapshot is not None:
            self._snapshot_version = snapshot.version
        visible = [entry for entry in entries if entry.view is not None]
        if ticket is not None:
            ticket.entries += visible
            if accepted is not None and not ticket.accepted.done():
                self.home.measures.accepted += 1
                ticket.accepted.set_result(Receipt(seq=accepted.seq))
        self.publish(visible)
        self.home.committed(self.sender_id, entries)
        return visible

    async def catch_up(self, epoch: str, version: int) -> None:
        """Hand out what another server has written, up to this version at least.

        Called by the watch over all logs, and whenever a newcomer has read the head (its own cursor is there already).
        """
        if self.seen is None:
            self.seen = (epoch, version)
        if self.seen == (epoch, version):
            return
        if self.seen[0] != epoch:
            self.forget()
            self.seen = (epoch, version)
            self.owner = None
            for subscriber in tuple(self.subscribers):
                subscriber.changed({"reason": "erased", "session_id": self.sender_id, "epoch": epoch})
            return
        while self.seen[1] < version:
            page = await self.home.store.after(self.sender_id, self.seen[1], limit=self.home.limits.page)
            if page is None or page.head.epoch != epoch:
                return
            self._notice_owner(page.head)
            self.publish(page.entries)
            self.seen = (epoch, page.entries[-1].seq if page.has_more else page.head.version)

    def vanished(self) -> None:
        """Tell those who follow it that it is gone: erased on another server, or too old to be kept."""
        if self.seen is not None:
            self.forget()
            self.seen = None
            self.owner = None
            for subscriber in tuple(self.subscribers):
                subscriber.changed({"reason": "erased", "session_id": self.sender_id, "epoch": ""})

    def _notice_owner(self, head: Head) -> None:
        """Tell those who follow an anonymous conversation that it was claimed on another server."""
        if head.owner is not None and head.owner != self.owner:
            self.owner = head.owner
            for subscriber in tuple(self.subscribers):
                subscriber.changed({"reason": "claimed", "session_id": self.sender_id, "epoch": head.epoch})

    def confirm_plain(self, seq: int) -> None:
        """Record that a plain client has received everything up to `seq`; written with the next commit, or alone."""
        if seq > self.plain_seq:
            self.plain_seq = seq
            if not self._jobs and self._worker is None and not self.home.closing:
                self._enqueue(self._write_plain_seq)

    async def _write_plain_seq(self) -> None:
        try:
            head = await self.home.store.head(self.sender_id)
            if head is None or head.plain_seq >= min(self.plain_seq, head.version):
                return
            after = replace(head, plain_seq=min(self.plain_seq, head.version))
            await self.home.store.append(Append(head=after, expected_version=head.version))
            if self.head is not None and self.head.version == head.version:
                self.head = after
        except ManentError as error:
            log.info("plain_seq not written", extra={"sender_id": self.sender_id, "code": error.code})

    def publish(self, entries: Sequence[LogEntry]) -> None:
        """Hand committed visible entries to every subscriber in this process."""
        if entries:
            for subscriber in tuple(self.subscribers):
                subscriber.deliver(entries)


class _Numbering:
    """Numbers the events of one append and decides how each shows."""

    __slots__ = ("accepted", "divider", "seq", "session_seq", "ticket", "tracker", "visible")

    def __init__(self, head: Head, tracker: Tracker, ticket: Ticket | None) -> None:
        self.seq = head.version
        self.visible = head.visible
        self.divider: Divider | None = head.divider
        self.session_seq = head.session_seq
        self.tracker = tracker
        self.ticket = ticket if ticket is not None and not ticket.accepted.done() else None
        self.accepted: Accepted | None = None

    def entry(self, event: Event, before: View | None = None) -> LogEntry:
        """Number an event; `before`: how it showed in the conversation that it is copied from."""
        self.seq += 1
        shown = self._view(event)
        return LogEntry(seq=self.seq, event=event, view=self._show(before.title) if before and not shown else shown)

    def _view(self, event: Event) -> View | None:
        match event:
            case UserUttered():
                return self._user(event)
            case SessionStarted():
                self.session_seq = self.seq
                if self.visible and self.divider is None:
                    self.divider = "session"
                return None
            case Restarted():
                if self.visible:
                    self.divider = "restart"
                return None
            case _:
                return self._show() if view.is_visible(event) else None

    def _user(self, event: UserUttered) -> View | None:
        ticket = self.ticket
        if ticket is None:
            return None
        if self.accepted is not None:
            return None  # repeated by the dialogue, not by the visitor
        self.accepted = Accepted(message_id=ticket.message_id, seq=self.seq, digest=ticket.digest)
        if ticket.message.external:
            return None
        title = ticket.message.title
        if title is None:
            before = iter(reversed(self.tracker.applied))
            for earlier in before:
                if earlier is event:
                    break
            title = view.title_of(ticket.message.text, before)
        return self._show(title)

    def _show(self, title: str | None = None) -> View:
        shown = View(prev=self.visible, divider=self.divider, title=title)
        self.visible = self.seq
        self.divider = None
        return shown


class Erased(RequestError):
    """The conversation was erased while one of its turns waited for somebody outside."""

    def __init__(self) -> None:
        super().__init__("conversation_changed", "the conversation was erased", status=409)


def conversation_changed() -> RequestError:
    """Return the error of a request that was meant for a log which has been erased or replaced since."""
    return RequestError(
        "conversation_changed", "the conversation was erased or replaced; ask for the session again", status=409
    )


def message_id_conflict(message_id: str) -> RequestError:
    """Return the error of a message id that was used for another text."""
    return RequestError(
        "message_id_conflict",
        f"message_id {message_id!r} was used for another text in this conversation",
        status=409,
    )

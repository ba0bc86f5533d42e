"""One conversation: takes what comes in one at a time, has it written, then hands it out.

The way of a message from here: `submit` puts it in the mailbox (`mailbox.py`); when its turn comes, `turns.py` drives
the turn and calls `commit`, which appends to the log (`record.py`), resolves the message's ticket and publishes what is
now durable to every subscriber. Store before delivery, always: nothing is published, and nothing acknowledged, that is
not committed.

This module knows no wire format and no transport.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from msgspec.structs import replace

from manent.core.conversation_log import Head, LogEntry
from manent.core.errors import ManentError, RequestError
from manent.core.events import Event, Json
from manent.core.messages import UserMessage
from manent.runtime.conversation import turns
from manent.runtime.conversation.mailbox import Mailbox
from manent.runtime.conversation.numbering import Copied
from manent.runtime.conversation.record import Record
from manent.runtime.conversation.successor import Left, where_to
from manent.runtime.conversation.ticket import (
    Erased,
    Occasion,
    Receipt,
    Ticket,
    conversation_changed,
    message_id_conflict,
    server_closing,
)
from manent.runtime.ports.store import VersionConflict

if TYPE_CHECKING:
    from manent.runtime.conversation.registry import Conversations

log = logging.getLogger("manent.conversation")

T = TypeVar("T")


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


class Conversation:
    """One `sender_id` in this process.

    Attributes:
        record: its log, as far as it is at hand.
        subscribers: sockets that follow it; whoever adds one calls `Conversations.get` first and `release` at the end.
        tickets: messages that wait or are at work, by message id.
        seen: epoch and version up to which the subscribers were given everything; None before the first of them.
        cut: while somebody outside is asked: resolving it ends the waiting.
    """

    __slots__ = ("cut", "home", "mailbox", "record", "seen", "sender_id", "subscribers", "tickets")

    def __init__(self, sender_id: str, home: "Conversations") -> None:
        self.sender_id = sender_id
        self.home = home
        self.mailbox = Mailbox(began=home.workers.add, emptied=self._rest)
        self.record = Record(sender_id, home)
        self.subscribers: list[Subscriber] = []
        self.tickets: dict[str, Ticket] = {}
        self.seen: tuple[str, int] | None = None
        self.cut: asyncio.Future[None] | None = None

    @property
    def owner(self) -> str | None:
        """The subject that owns it, once somebody was admitted as such; written with the next append."""
        return self.record.owner

    @owner.setter
    def owner(self, owner: str | None) -> None:
        self.record.owner = owner

    @property
    def idle(self) -> bool:
        """Nobody follows it and nothing is to be done."""
        return not self.mailbox.working and not self.subscribers

    # what comes in --------------------------------------------------------------------------------------------------

    def submit(
        self, message: UserMessage, *, epoch: str | None = None, confirm: Callable[[Head], None] | None = None
    ) -> Ticket:
        """Put a message in the mailbox; its turn begins when those before it are done.

        The same `message_id` while the first still waits or is at work: the first one's ticket.

        Args:
            message: what was said.
            epoch: see `Ticket`.
            confirm: see `Ticket`.

        Raises:
            RequestError: `busy` (too many wait), `server_closing`, or `message_id_conflict`.
        """
        message_id, digest = message.message_id, None
        if not message_id:
            message_id = self.home.new_id()
            message = replace(message, message_id=message_id)
        else:
            digest = hashlib.sha256(message.text.encode(errors="replace")).digest()
            waiting = self.tickets.get(message_id)
            if waiting is not None:
                if waiting.digest != digest:
                    raise message_id_conflict(message_id)
                return waiting
        self._check_room()
        loop = asyncio.get_running_loop()
        ticket = self.tickets[message_id] = Ticket(
            message=message,
            message_id=message_id,
            digest=digest,
            epoch=epoch,
            accepted=loop.create_future(),
            finished=loop.create_future(),
            confirm=confirm,
        )
        self.mailbox.add(lambda: self._take(ticket))
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
        self.refuse_waiting(conversation_changed())
        if self.cut is not None and not self.cut.done():
            self.cut.set_result(None)

        async def work(_: "Conversation") -> bool:
            found = await self.home.store.erase(self.sender_id, new_epoch=new_epoch)
            self._begin_anew(None)
            self.home.committed(self.sender_id, ())
            return found

        return await self._perform(work)

    def refuse_waiting(self, error: RequestError) -> None:
        """Refuse the messages whose turn has not begun."""
        for ticket in tuple(self.tickets.values()):
            if not ticket.accepted.done():
                ticket.fail(error)

    async def replace(self, events: Sequence[Event]) -> None:
        """Put these events in the place of the log, under another epoch; inside `perform` only.

        Raises:
            VersionConflict: another server replaced it meanwhile.
            StoreError: nothing was written.
        """
        owner = self.owner
        head = await self.record.replace(events)
        self._begin_anew(head)
        self.home.committed(self.sender_id, ())
        self.owner = owner
        self._tell_changed("erased", head.epoch)

    async def _take(self, ticket: Ticket) -> None:
        try:
            await turns.take(self, ticket)
        finally:
            self.tickets.pop(ticket.message_id, None)

    async def _perform(self, work: Callable[["Conversation"], Awaitable[T]]) -> T:
        async def job() -> T:
            try:
                return await work(self)
            except Exception:
                self.record.forget()
                raise

        return await self.mailbox.perform(job)

    def _rest(self, worker: asyncio.Task[None]) -> None:
        self.home.workers.discard(worker)
        self.home.release(self)

    def _check_room(self) -> None:
        if self.home.closing:
            self.home.measures.refuse("server_closing")
            raise server_closing()
        if len(self.mailbox) >= self.home.limits.waiting_per_conversation:
            self.home.measures.refuse("busy")
            raise RequestError(
                "busy", "too many messages of this conversation are waiting", status=429, retry_after=1.0
            )

    # what goes out --------------------------------------------------------------------------------------------------

    async def commit(
        self,
        events: Sequence[Event],
        occasion: Occasion,
        *,
        open_turn: bool,
        copied: Copied | None = None,
    ) -> None:
        """Append events, then resolve the ticket and publish.

        Raises:
            VersionConflict, ReminderGone, DuplicateMessage, StoreError: see `Record.append`; nothing was written.
            Erased: the log that the turn had begun in is gone.
        """
        before, ticket = self.record.head, occasion.ticket
        if before is None:  # erased on another server while the turn waited for somebody
            raise Erased if occasion.begun else VersionConflict(self.sender_id)
        if not events and not open_turn and not before.open_turn:
            return
        asked = time.perf_counter()
        entries, heard = await self.record.append(events, occasion, open_turn=open_turn, copied=copied)
        self.home.measures.appended.observe(time.perf_counter() - asked)
        if self.seen is not None and self.seen != (before.epoch, before.version):
            await self.catch_up(before.epoch, before.version)  # what another server wrote before this
        self.seen = (before.epoch, before.version + len(entries))
        visible = [entry for entry in entries if entry.view is not None]
        if ticket is not None:
            ticket.entries += visible
            if heard is not None and not ticket.accepted.done():
                self.home.measures.accepted += 1
                ticket.accepted.set_result(Receipt(seq=heard))
        self.publish(visible)
        self.home.committed(self.sender_id, entries)

    def publish(self, entries: Sequence[LogEntry]) -> None:
        """Hand committed visible entries to every subscriber in this process."""
        if entries:
            for subscriber in tuple(self.subscribers):
                subscriber.deliver(entries)

    async def catch_up(self, epoch: str, version: int) -> None:
        """Hand out what another server has written, up to this version at least.

        Called by the watch over all logs, and whenever a newcomer has read the head (its own cursor is there already).
        """
        if self.seen is None:
            self.seen = (epoch, version)
        if self.seen == (epoch, version):
            return
        if self.seen[0] != epoch:
            self.record.forget()
            self.owner = None
            self.seen = (epoch, version)
            self._tell_changed("erased", epoch)
            return
        while self.seen[1] < version:
            entries = await self.home.store.entries(self.sender_id, after=self.seen[1], limit=self.home.limits.page)
            head = await self.home.store.head(self.sender_id)
            if not entries or head is None or head.epoch != epoch:
                return
            self._notice_owner(head)
            self.publish([entry for entry in entries if entry.view is not None])
            self.seen = (epoch, entries[-1].seq)
            for left in filter(None, (where_to(entry.event) for entry in entries)):
                self._tell_left(left)

    def vanished(self) -> None:
        """Tell those who follow it that it is gone: erased on another server, or too old to be kept."""
        if self.seen is not None:
            self.record.forget()
            self.owner = None
            self.seen = None
            self._tell_changed("erased", "")

    def drop_if_gone(self, place: tuple[str, int] | None) -> None:
        """Nobody follows it: forget a log that was erased elsewhere. `place`: what the store has under its id."""
        head = self.record.head
        if head is not None and not self.mailbox.working and (place is None or place[0] != head.epoch):
            self._begin_anew(None)
            self.home.release(self)

    def confirm_plain(self, seq: int) -> None:
        """Record that a plain client has received everything up to `seq`; written with the next commit, or alone."""
        if seq > self.record.plain_seq:
            self.record.plain_seq = seq
            if not self.mailbox.working and not self.home.closing:
                self.mailbox.add(self._write_plain_seq)

    async def _write_plain_seq(self) -> None:
        try:
            await self.record.write_plain_seq()
        except ManentError as error:
            log.info("plain_seq not written", extra={"sender_id": self.sender_id, "code": error.code})

    def _begin_anew(self, head: Head | None) -> None:
        """What was known is of a log that is gone; `head`: of the one in its place."""
        self.record.forget()
        self.owner = None
        self.record.plain_seq = 0
        self.seen = (head.epoch, head.version) if head is not None else None

    def _notice_owner(self, head: Head) -> None:
        """Tell those who follow an anonymous conversation that it was claimed on another server."""
        if head.owner is not None and head.owner != self.owner:
            self.owner = head.owner
            self._tell_changed("claimed", head.epoch)

    def _tell_changed(self, reason: str, epoch: str) -> None:
        self._tell({"reason": reason, "session_id": self.sender_id, "epoch": epoch})

    def _tell_left(self, left: Left) -> None:
        token = {"session_token": self.home.token_of(left.session_id)} if left.proved else {}
        self._tell({"reason": "reset", "session_id": left.session_id, "epoch": left.epoch, **token})

    def _tell(self, told: Json) -> None:
        for subscriber in tuple(self.subscribers):
            subscriber.changed(told)

"""Implements one conversation, which accepts messages and other jobs and runs one job at a time.

`submit` adds a message to the mailbox (`mailbox.py`). When the message is the next job, `turns.py` runs its turn,
appends the events to the log (`record.py`), and publishes them to all subscribers (`feed.py`). Messages are
acknowledged and events are published only once they are durable. This module is independent of wire formats and
transports.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from manent.core.conversation_log import Head
from manent.core.errors import ManentError, RequestError
from manent.core.events import Event
from manent.core.messages import UserMessage
from manent.runtime.conversation.engine import Engine
from manent.runtime.conversation.feed import Feed, Subscriber
from manent.runtime.conversation.mailbox import Mailbox
from manent.runtime.conversation.record import Record
from manent.runtime.conversation.ticket import (
    Outcome,
    Ticket,
    conversation_changed,
    message_id_conflict,
    server_closing,
)
from manent.runtime.conversation.turns import TurnRunner

log = logging.getLogger("manent.conversation")

T = TypeVar("T")


def _digest(message: UserMessage) -> bytes:
    """Return a hash of the text and the files, which are the same if a client sends a message again."""
    return hashlib.sha256("\0".join((message.text, *message.file_ids)).encode(errors="replace")).digest()


class Conversation:
    """The conversation of one `sender_id` in this process.

    Args:
        sender_id: key of the conversation.
        engine: shared by all conversations.
        on_start: called with the worker task when the mailbox starts running jobs.
        on_rest: called with the worker task when no job is left. The function must not refer to the conversation,
            because a reference cycle would delay freeing its memory until the next garbage collection.

    Attributes:
        engine: shared by all conversations.
        record: the part of the log that is in memory.
        feed: the subscribers.
        turns: runs the turns.
        mailbox: the jobs.
        tickets: tickets of messages that are waiting or being processed, by message id.
    """

    __slots__ = ("__weakref__", "engine", "feed", "mailbox", "record", "sender_id", "tickets", "turns")

    def __init__(
        self,
        sender_id: str,
        engine: Engine,
        *,
        on_start: Callable[[asyncio.Task[None]], None],
        on_rest: Callable[[asyncio.Task[None]], None],
    ) -> None:
        self.sender_id = sender_id
        self.engine = engine
        self.mailbox = Mailbox(on_start=on_start, on_empty=on_rest)
        self.record = Record(sender_id, engine)
        self.feed = Feed(engine, self.record)
        self.turns = TurnRunner(engine, self.record, self.feed)
        self.tickets: dict[str, Ticket] = {}

    @property
    def subscribers(self) -> list[Subscriber]:
        """The subscribers.

        Before you add a subscriber, get the conversation with `Conversations.get`. After you remove one, call
        `Conversations.release`.
        """
        return self.feed.subscribers

    @property
    def owner(self) -> str | None:
        """The subject that owns the conversation, if it is known. The next append stores it."""
        return self.record.owner

    @owner.setter
    def owner(self, owner: str | None) -> None:
        self.record.owner = owner

    @property
    def is_idle(self) -> bool:
        """Whether the conversation has no subscribers and no jobs."""
        return not self.mailbox.is_busy and not self.feed.subscribers

    def submit(
        self, message: UserMessage, *, epoch: str | None = None, confirm: Callable[[Head], None] | None = None
    ) -> Ticket:
        """Add a message to the mailbox and return its ticket.

        If a message with the same `message_id` is already waiting or being processed, its ticket is returned.

        Args:
            message: the message.
            epoch: the epoch that the client expects. None means any epoch.
            confirm: called with the head of the log. It raises an error if the sender no longer has access to the
                conversation.

        Raises:
            RequestError: `busy` (too many messages are waiting), `server_closing`, or `message_id_conflict`.
        """
        message_id, digest = message.message_id, None
        if not message_id:
            message_id = self.engine.new_id()
            message = replace(message, message_id=message_id)
        else:
            digest = _digest(message)
            waiting = self.tickets.get(message_id)
            if waiting is not None:
                if waiting.digest != digest:
                    raise message_id_conflict(message_id)
                return waiting
        self._check_room()
        ticket = self.tickets[message_id] = Ticket(
            message=message,
            message_id=message_id,
            digest=digest,
            epoch=epoch,
            accepted=Outcome(),
            finished=Outcome(),
            confirm=confirm,
            span=self.engine.spans.current(),
        )
        self.mailbox.add(lambda: self._process(ticket), reject=ticket.fail)
        return ticket

    async def perform(self, work: Callable[["Conversation"], Awaitable[T]]) -> T:
        """Run `work` as a mailbox job, while no other job of the conversation is running, and return its result.

        Raises:
            RequestError: `busy` or `server_closing`. Exceptions that `work` raises are raised here, too.
        """
        self._check_room()
        return await self._perform(work)

    async def erase(self, *, new_epoch: str | None) -> bool:
        """Erase the conversation.

        The erase does not wait for actions. Waiting messages are rejected with `conversation_changed`. Later
        results for the erased log are discarded. The caller must notify the subscribers.

        The erase is the next job, because any other job would first finish the interrupted turn, and so run its action
        a second time.

        Args:
            new_epoch: create an empty conversation with this epoch.

        Returns:
            Whether the conversation existed.

        Raises:
            StoreError: the conversation was not erased.
        """
        waiting = tuple(self.tickets.values())
        self.turns.interrupt()

        async def work(_: "Conversation") -> bool:
            self.turns.allow_actions()
            found = await self.engine.store.erase(self.sender_id, new_epoch=new_epoch)
            for ticket in waiting:
                if not ticket.accepted.done():
                    ticket.fail(conversation_changed())
            self.feed.restart(None)
            self.engine.notify_log_readers(self.sender_id, ())
            return found

        return await self._perform(work, first=True)

    async def replace(self, events: Sequence[Event]) -> None:
        """Replace the log by a log with these events and a new epoch. Call it only inside `perform`.

        Raises:
            VersionConflict: another server replaced the log first.
            StoreError: nothing was written.
        """
        owner = self.owner
        head = await self.record.replace(events)
        self.feed.restart(head)
        self.engine.notify_log_readers(self.sender_id, ())
        self.owner = owner
        self.feed.notify_moved("erased", head.epoch)

    async def catch_up(self, epoch: str, version: int) -> None:
        """Publish events that other servers have appended (`Feed.catch_up`)."""
        await self.feed.catch_up(epoch, version)

    def forget_if_gone(self, stored: Head | None) -> bool:
        """Remove from memory a log that another server has erased or replaced, unless jobs are running.

        Return whether it was removed.

        Args:
            stored: the head in the store. None if the store does not contain the conversation.
        """
        head = self.record.head
        if head is None or self.mailbox.is_busy or (stored is not None and stored.epoch == head.epoch):
            return False
        self.feed.restart(None)
        return True

    def confirm_plain(self, seq: int) -> None:
        """Record that a plain client has received everything up to `seq`.

        The next commit stores this position. If no commit follows soon, the position is stored separately.
        """
        if seq > self.record.plain_seq:
            self.record.plain_seq = seq
            if not self.mailbox.is_busy and not self.engine.is_closing:
                self.mailbox.add(self._write_plain_seq, reject=lambda _: None)

    async def _write_plain_seq(self) -> None:
        try:
            await self.record.write_plain_seq()
        except ManentError as error:
            log.info("could not write plain_seq", extra={"sender_id": self.sender_id, "code": error.code})

    async def _process(self, ticket: Ticket) -> None:
        try:
            await self.turns.process(ticket)
        finally:
            self.tickets.pop(ticket.message_id, None)

    async def _perform(self, work: Callable[["Conversation"], Awaitable[T]], *, first: bool = False) -> T:
        async def job() -> T:
            try:
                return await work(self)
            except Exception:
                self.record.forget()
                raise

        return await self.mailbox.perform(job, first=first)

    def _check_room(self) -> None:
        if self.engine.is_closing:
            self.engine.metrics.refuse("server_closing")
            raise server_closing()
        limit = self.engine.limits.waiting_per_conversation
        if len(self.mailbox) >= limit:
            self.engine.metrics.refuse("busy")
            message = f"too many messages of this conversation are waiting (limit {limit:,})"
            raise RequestError("busy", message, status=429, retry_after=1.0)

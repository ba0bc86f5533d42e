"""Publishes the events of one conversation to its subscribers.

`commit` appends events to the log and then publishes them, so all published events are durable. `catch_up` publishes
events that other servers have appended. The feed is independent of wire formats and transports.
"""

import logging
import time
from collections.abc import Sequence
from typing import Protocol, TypeAlias

import msgspec

from manent.core.conversation_log import Change, Handling, Head, LogEntry, Position
from manent.core.errors import ManentError, StoreError
from manent.core.events import Event, Json, OperatorLeft
from manent.runtime.conversation.engine import Engine
from manent.runtime.conversation.numbering import Copied
from manent.runtime.conversation.record import Record
from manent.runtime.conversation.successor import Successor, successor_of
from manent.runtime.conversation.ticket import Erased, OperatorMessage, Receipt, TurnCause
from manent.runtime.ports.store import VersionConflict

log = logging.getLogger("manent.conversation")


class Committed(msgspec.Struct, frozen=True):
    """News of visible entries that were appended to the log durably.

    Attributes:
        entries: the entries, oldest first.
    """

    entries: Sequence[LogEntry]


class Typing(msgspec.Struct, frozen=True):
    """News that the bot has started or finished a slow action.

    Attributes:
        on: whether to show the typing indicator.
    """

    on: bool


class Moved(msgspec.Struct, frozen=True):
    """News that the conversation was erased or claimed, or continues in another conversation.

    Attributes:
        payload: payload of the protocol event `session_changed`.
    """

    payload: Json


class Failed(msgspec.Struct, frozen=True):
    """News that a turn failed after its message was accepted.

    Attributes:
        error: the error to show to the visitor.
        message_id: id of the message that the turn answers, if any.
        seq: `seq` of the bot message that was sent instead of an answer. None if no message was sent.
    """

    error: ManentError
    message_id: str | None = None
    seq: int | None = None


class HandlerChanged(msgspec.Struct, frozen=True):
    """Another one handles the conversation now.

    Attributes:
        handling: who handles it.
        asks_rating: whether the visitor is asked for a rating.
    """

    handling: Handling
    asks_rating: bool = False


class AgentTyping(msgspec.Struct, frozen=True):
    """The operator has started or stopped to type.

    Attributes:
        on: whether to show that the operator types.
    """

    on: bool


News: TypeAlias = Committed | Typing | Moved | Failed | HandlerChanged | AgentTyping


class Subscriber(Protocol):
    """Receives news of a conversation, for example a socket or a request that waits for replies."""

    def notify(self, news: News) -> None:
        """Handle one piece of news. This must not block."""


class Feed:
    """Commits and publishes the events of one conversation.

    Attributes:
        subscribers: receivers of the news.
        position: epoch and version up to which the subscribers have received everything. None if no position was
            recorded yet.
    """

    __slots__ = ("_engine", "_record", "position", "subscribers")

    def __init__(self, engine: Engine, record: Record) -> None:
        self.subscribers: list[Subscriber] = []
        self.position: tuple[str, int] | None = None
        self._engine = engine
        self._record = record

    async def commit(
        self, events: Sequence[Event], cause: TurnCause, *, open_turn: bool, copied: Copied | None = None
    ) -> None:
        """Append events, then resolve the ticket and publish. The arguments are the same as for `Record.append`.

        Args:
            events: the events in order.
            cause: the cause of the turn.
            open_turn: whether the turn continues after this commit.
            copied: origin of the events, if they were copied from another conversation.

        Raises:
            VersionConflict, ReminderGone, DuplicateMessage, StoreError: as in `Record.append`. Nothing was written.
            Erased: the conversation was erased after the turn began.
        """
        record, engine, ticket = self._record, self._engine, cause.ticket
        before = record.head
        if before is None:  # another server erased the log while the turn waited for an action
            raise Erased if cause.has_begun else VersionConflict(record.sender_id)
        if not events and not open_turn and not before.open_turn:
            return
        earlier, started = self.position, time.perf_counter()
        with engine.spans.step("commit"):
            entries, message_seq = await record.append(events, cause, open_turn=open_turn, copied=copied)
        engine.metrics.appended.observe(time.perf_counter() - started)
        has_caught_up = await self._has_caught_up(before)
        visible = [entry for entry in entries if entry.view is not None]
        cause.entries += visible
        if ticket is not None:
            ticket.entries += visible
            if message_seq is not None and not ticket.accepted.done():
                engine.metrics.accepted += 1
                ticket.accepted.set_result(Receipt(seq=message_seq))
        after = before.version + len(entries)
        # `catch_up` can have published the entries, because the store can report them before the append returns.
        is_same_log = earlier is not None and earlier[0] == before.epoch
        published = self.position[1] if is_same_log and self.position is not None else 0
        is_replaced = self.position is not None and self.position[0] != before.epoch
        if has_caught_up and not is_replaced and published < after:
            self.position = (before.epoch, after)
            self.publish([entry for entry in visible if entry.seq > published])
            if record.head is not None and record.head.handling is not before.handling:
                self._notify_handling(record.head.handling, entries)
        engine.notify_log_readers(record.sender_id, entries)

    async def _has_caught_up(self, before: Head) -> bool:
        """Publish the events that other servers appended before a commit.

        Return False if the store cannot be read. `Wakeups` then publishes these events and the commit later, in order.
        """
        if self.position is None:
            return True
        try:
            await self.catch_up(before.epoch, before.version)
        except StoreError as error:
            extra = {"sender_id": self._record.sender_id, "code": error.code, "error": error.message}
            log.warning("could not read the events of another server; they are published later", extra=extra)
            self._engine.behind.add(self._record.sender_id)
            return False
        return True

    async def append_internal(self, *events: Event, message: OperatorMessage | None = None) -> None:
        """Append internal events, as `Record.append_internal` does."""
        before, _ = await self._record.load()
        entries = await self._record.append_internal(events, message)
        if self.position == (before.epoch, before.version):
            self.position = (before.epoch, before.version + len(entries))
        self._engine.notify_log_readers(self._record.sender_id, entries)

    def publish(self, entries: Sequence[LogEntry]) -> None:
        """Send committed visible entries to every subscriber in this process."""
        if entries and self.subscribers:
            with self._engine.spans.step("deliver"):
                self.notify(Committed(entries))

    def notify(self, news: News, *, exclude: Subscriber | None = None) -> None:
        """Send news to all subscribers in this process except one. A subscriber that fails keeps no other from them."""
        for subscriber in tuple(self.subscribers):
            if subscriber is not exclude:
                try:
                    subscriber.notify(news)
                except Exception:
                    extra = {"sender_id": self._record.sender_id, "news": type(news).__name__}
                    log.exception("a client could not be notified of a change in its conversation", extra=extra)

    @property
    def read_position(self) -> Position:
        """The position up to which the subscribers have received everything. It has no epoch if there is none yet."""
        epoch, version = self.position or ("", 0)
        return Position(sender_id=self._record.sender_id, epoch=epoch, version=version)

    async def catch_up(self, epoch: str, version: int) -> None:
        """Publish events that other servers have appended, up to this version.

        A turn on this server can commit, and the log can be erased, while this method reads the store.

        Args:
            epoch: the epoch of the log in the store. A different epoch means that the log was erased or replaced.
            version: the version of the log in the store.
        """
        if self.position is None:
            self.position = (epoch, version)
        if self.position[0] != epoch:
            # The caller can have read the epoch before an erase on this server, so read it again.
            await self._read_changes(limit=0)
            return
        while self.position is not None and self.position[0] == epoch and self.position[1] < version:
            before = self.position
            await self._read_changes(limit=self._engine.limits.page)
            if self.position == before:
                return

    async def _read_changes(self, *, limit: int) -> None:
        for change in await self._engine.store.changes([self.read_position], limit=limit):
            self.publish_change(change)

    def publish_change(self, change: Change) -> None:
        """Publish the events of a change that other servers have made.

        A turn on this server can commit, and the log can be erased, while the change is read. Events that were already
        published are left out, and changes of an old log are ignored.
        """
        head, position = change.head, self.read_position
        if head is None or position.epoch != change.position.epoch:
            return
        if head.epoch != position.epoch:
            if self.position is None:
                self.position = (head.epoch, head.version)
            else:
                self._log_replaced(head.epoch, head.version)
            return
        entries = [entry for entry in change.entries if entry.seq > position.version]
        if not entries:
            return
        self._check_owner(head)
        self.publish([entry for entry in entries if entry.view is not None])
        if entries[-1].seq >= head.handling.since > position.version:
            self._notify_handling(head.handling, entries)
        self.position = (head.epoch, entries[-1].seq)
        for successor in filter(None, (successor_of(entry.event) for entry in entries)):
            self._notify_successor(successor)

    def log_vanished(self) -> None:
        """Notify subscribers that the log was erased or has expired."""
        if self.position is not None:
            self.restart(None)
            self.notify_moved("erased", "")

    def restart(self, head: Head | None) -> None:
        """Drop all data of the old log after it was erased or replaced.

        Args:
            head: head of the new log. None if the log was erased.
        """
        self._record.forget()
        self._record.owner = None
        self._record.plain_seq = 0
        self.position = (head.epoch, head.version) if head is not None else None

    def notify_moved(self, reason: str, epoch: str) -> None:
        """Notify subscribers that the log was replaced and the conversation's id did not change.

        `reason`: `erased` or `claimed`.
        """
        self.notify(Moved({"reason": reason, "session_id": self._record.sender_id, "epoch": epoch}))

    def _log_replaced(self, epoch: str, version: int) -> None:
        """Notify subscribers that another server has erased or replaced the log."""
        self.restart(None)
        self.position = (epoch, version)
        self.notify_moved("erased", epoch)

    def _notify_handling(self, handling: Handling, entries: Sequence[LogEntry]) -> None:
        asks = any(isinstance(entry.event, OperatorLeft) and entry.event.asks_rating for entry in entries)
        self.notify(HandlerChanged(handling, asks))

    def _check_owner(self, head: Head) -> None:
        """If another server has claimed this anonymous conversation, notify its subscribers."""
        if head.owner is not None and head.owner != self._record.owner:
            self._record.owner = head.owner
            self.notify_moved("claimed", head.epoch)

    def _notify_successor(self, successor: Successor) -> None:
        payload: Json = {"reason": "reset", "session_id": successor.session_id, "epoch": successor.epoch}
        if successor.has_token:
            payload["session_token"] = self._engine.session_token(successor.session_id)
        self.notify(Moved(payload))

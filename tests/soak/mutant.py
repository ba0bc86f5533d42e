"""Breaks one guarantee of the server on purpose, to check that `crash.py` finds the violation (`desk_server.py`)."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from manent.core import handler, tracker
from manent.core.conversation_log import Append, Head, LogEntry, View
from manent.core.events import (
    BotUttered,
    ConversationPaused,
    Event,
    HandoffRequested,
    Note,
    Operator,
    OperatorJoined,
)
from manent.core.tracker import State, Tracker
from manent.runtime import leases, protocol1, visitor_messages
from manent.runtime.conversation import feed, registry
from manent.runtime.conversation.numbering import Numbering
from manent.runtime.conversation.ticket import OperatorMessage, TurnCause
from manent.stores.sqlite import store


def ack_before_commit() -> None:
    """Acknowledge a message shortly before it is durable."""
    commit = store.SqliteStore.append

    async def late(self: store.SqliteStore, append: Append) -> None:
        async def write() -> None:
            await asyncio.sleep(0.03)
            await commit(self, append)

        waiting = asyncio.ensure_future(write())
        waiting.add_done_callback(lambda done: done.cancelled() or done.exception())

    store.SqliteStore.append = late  # type: ignore[method-assign]


def emit_before_commit() -> None:
    """Send events to the visitor before they are stored."""
    commit = feed.Feed.commit

    async def early(self: feed.Feed, events: Sequence[Any], cause: TurnCause, **options: Any) -> None:
        head, tracker = await self._record.load()
        entries = Numbering(head, tracker, cause.ticket).entries(events)
        self.publish([entry for entry in entries if entry.view is not None])
        await asyncio.sleep(0.03)
        await commit(self, events, cause, **options)

    feed.Feed.commit = early  # type: ignore[method-assign]


def no_dedupe() -> None:
    """Forget the message ids that were used."""
    commit = store.SqliteStore.append

    async def forgetful(self: store.SqliteStore, append: Append) -> None:
        await commit(self, replace(append, accepted=()))

    store.SqliteStore.append = forgetful  # type: ignore[method-assign]


def cursor_off_by_one() -> None:
    """Send the events from the cursor on, including the event at the cursor."""
    read = protocol1.Sessions._read

    async def early(self: protocol1.Sessions, sender_id: str, cursor: Any, limit: int) -> Any:
        if cursor is not None:
            cursor = (cursor[0], max(0, cursor[1] - 1))
        return await read(self, sender_id, cursor, limit)

    protocol1.Sessions._read = early  # type: ignore[method-assign]


def part_dropped() -> None:
    """Drop the last part of an event that consists of several messages."""
    messages_of = visitor_messages.messages_of

    def some(entry: LogEntry, **options: Any) -> list[Any]:
        messages = messages_of(entry, **options)
        return messages[:-1] if len(messages) > 1 else messages

    visitor_messages.messages_of = some
    protocol1.messages_of = some  # type: ignore[attr-defined]


def lease_ignored() -> None:
    """Finish the turns of other servers while those servers are running them."""
    registry.RECOVERY_INTERVAL_S = 0.1
    leases.Leases.may_take_over = lambda *_: True  # type: ignore[method-assign]
    leases.Leases.expired_by = lambda _: float("inf")  # type: ignore[assignment, method-assign]


def bot_answers_beside_a_person() -> None:
    """Answer messages although a person handles the conversation."""
    Tracker._join = Tracker._ignore  # type: ignore[method-assign,assignment]
    tracker._TAKE[OperatorJoined] = Tracker._ignore
    tracker._TAKE[HandoffRequested] = Tracker._ignore
    State._pause = lambda *_: None  # type: ignore[method-assign]
    tracker._APPLY[ConversationPaused] = lambda *_: None


def two_operators_win() -> None:
    """Let an operator take a conversation that another operator has."""

    def take(head: Head, operator: Operator, *, expected: int | None = None) -> list[Event]:
        del expected
        return [] if head.handling.operator == operator else [OperatorJoined(operator=operator)]

    handler.take = take


def note_shown() -> None:
    """Show notes to the visitor like messages of the bot."""
    append_internal = feed.Feed.append_internal

    async def published(self: feed.Feed, *events: Event, message: OperatorMessage | None = None) -> None:
        await append_internal(self, *events, message=message)
        head, _ = await self._record.load()
        notes = [BotUttered(timestamp=event.timestamp, text=event.text) for event in events if isinstance(event, Note)]
        self.publish([LogEntry(seq=head.version, event=note, view=View(prev=0)) for note in notes])

    feed.Feed.append_internal = published  # type: ignore[method-assign]


MUTATIONS: dict[str, Callable[[], None]] = {
    "ack-before-commit": ack_before_commit,
    "emit-before-commit": emit_before_commit,
    "no-dedupe": no_dedupe,
    "cursor-off-by-one": cursor_off_by_one,
    "part-dropped": part_dropped,
    "lease-ignored": lease_ignored,
    "bot-beside-a-person": bot_answers_beside_a_person,
    "two-operators-win": two_operators_win,
    "note-shown": note_shown,
}

CAUGHT_AS = {
    "ack-before-commit": "acknowledged, then lost",
    "emit-before-commit": "delivered, then gone",
    "no-dedupe": "accepted twice",
    "cursor-off-by-one": "delivered twice",
    "part-dropped": "part missing",
    "lease-ignored": "action run twice without a crash",
    "bot-beside-a-person": "bot answered while a person handles",
    "two-operators-win": "two operators at once",
    "note-shown": "note shown to the visitor",
}
"""Mutation → the violation that it must cause. It may cause others, too."""

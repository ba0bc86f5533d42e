"""Imports the conversations of a Rasa tracker store into a conversation store.

For `manent import-rasa`. Each `sender_id` becomes a log with its events in the order of their row ids. The source is
only read.

The import can be repeated: an existing log is compared with the converted rows, and only new rows are appended. A
conversation that has continued in the target store, or that was not imported, is skipped and listed in the report.
"""

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from manent.core.conversation_log import Accepted, Append, Divider, Head, LogEntry, View
from manent.core.errors import RequestError
from manent.core.events import BotUttered, Event, Restarted, SessionStarted, UserUttered, event_from_wire
from manent.runtime.ports.store import ConversationStore, VersionConflict
from manent.runtime.visitor_messages import is_visible, title_of
from manent.stores.rasa_sources import Source, open_source

_MAX_MESSAGE_ID = 128
_RECENT = 50
"""Number of earlier events to search for the button that a message's payload belongs to."""


@dataclass
class ImportReport:
    """The result of importing a tracker store.

    Attributes:
        conversations: number of completely stored conversations.
        events: number of events that this run wrote.
        unreadable: number of rows that were skipped because they are not valid events (custom event classes, damaged
            JSON).
        problems: one sentence for each skipped conversation, and for the first unreadable row of each conversation.
    """

    conversations: int = 0
    events: int = 0
    unreadable: int = 0
    problems: list[str] = field(default_factory=list)


async def import_rasa(
    url: str, store: ConversationStore, *, progress: Callable[[int, int], None] | None = None
) -> ImportReport:
    """Copy all conversations of a Rasa tracker store.

    Args:
        url: see `rasa_sources.open_source`, for example `sqlite:///rasa.db`.
        store: an open store.
        progress: called after each conversation with the number of finished conversations and the total number.

    Raises:
        StoreError: `import_source`: the source cannot be read, or any error of `store`.
    """
    source = open_source(url)
    try:
        senders = await source.senders()
        report = ImportReport()
        for done, sender_id in enumerate(senders, start=1):
            await _import_one(source, store, sender_id, report)
            if progress is not None:
                progress(done, len(senders))
        return report
    finally:
        source.close()


async def _import_one(source: Source, store: ConversationStore, sender_id: str, report: ImportReport) -> None:
    """Convert all rows of a conversation and write the events that the store lacks."""
    existing = await store.head(sender_id)
    conversion = _Conversion(existing or Head(sender_id=sender_id, epoch=_epoch_of(sender_id)))
    unreadable = 0
    async for page in source.pages(sender_id):
        events = []
        for row in page:
            try:
                events.append(event_from_wire(row.event()))
            except (msgspec.MsgspecError, RequestError, AttributeError, TypeError) as error:
                unreadable += 1
                if unreadable == 1:
                    report.problems.append(f"{sender_id}: row {row.id} was skipped: not an event ({error})")
        append = conversion.convert(events)
        stored = await store.entries(sender_id, after=append.expected_version, limit=len(append.entries))
        if not await _complete(store, append, stored):
            report.problems.append(
                f"{sender_id}: skipped, because the conversation has continued in this store, or another "
                "conversation has this id"
            )
            return
        report.events += len(append.entries) - len(stored)
    report.unreadable += unreadable
    report.conversations += 1


async def _complete(store: ConversationStore, append: Append, stored: list[LogEntry]) -> bool:
    """Write the entries of an append that are not stored yet.

    Return False if the log already contains different entries.
    """
    if tuple(stored) != append.entries[: len(stored)]:
        return False
    try:
        if len(stored) < len(append.entries):
            await store.append(_rest(append, len(stored)))
    except VersionConflict:
        return False
    return True


def _rest(append: Append, stored: int) -> Append:
    """Return the append without its first `stored` entries."""
    version = append.expected_version + stored
    accepted = tuple(one for one in append.accepted if one.seq > version)
    return replace(append, expected_version=version, entries=append.entries[stored:], accepted=accepted)


def _epoch_of(sender_id: str) -> str:
    """Return the conversation's epoch, which is the same in a repeated import."""
    return hashlib.sha256(b"rasa:" + sender_id.encode(errors="replace")).hexdigest()[:16]


class _Conversion:
    """Converts one sender's events to log entries with their views.

    Rasa's rows contain less information than Manent's log entries. A user event is a visitor's message if it has an
    input channel, is not an external trigger, and has a new `message_id`. User events with a repeated `message_id` are
    excluded, because Rasa repeats a user event when it resolves a fallback.
    """

    def __init__(self, head: Head) -> None:
        self._head = head
        self._seq = 0
        self._visible = 0
        self._session_seq = 0
        self._divider: Divider | None = None
        self._ids: set[str] = set()
        self._recent: deque[Event] = deque(maxlen=_RECENT)
        self._started = 0.0
        self._updated = 0.0

    def convert(self, events: list[Event]) -> Append:
        """Return the append that continues the earlier ones with these events."""
        before, accepted = self._seq, []
        entries = []
        for row in events:
            event = row if row.timestamp is not None else msgspec.structs.replace(row, timestamp=self._updated)
            self._seq += 1
            self._updated = max(self._updated, event.timestamp or 0.0)
            self._started = self._started or event.timestamp or 0.0
            entries.append(LogEntry(seq=self._seq, event=event, view=self._view(event)))
            if isinstance(event, UserUttered) and (one := self._accept(event)) is not None:
                accepted.append(one)
            self._recent.appendleft(event)
        head = replace(
            self._head,
            version=self._seq,
            visible=self._visible,
            divider=self._divider,
            session_seq=self._session_seq,
            plain_seq=self._visible,  # Rasa has already sent these messages to the visitor
            started=self._started,
            updated=self._updated,
        )
        return Append(head=head, expected_version=before, entries=tuple(entries), accepted=tuple(accepted))

    def _view(self, event: Event) -> View | None:
        match event:
            case UserUttered():
                if not self._is_visitors_own(event):
                    return None
                return self._show(title_of(event.text or "", self._recent))
            case BotUttered():
                return self._show() if is_visible(event) else None
            case SessionStarted():
                self._session_seq = self._seq
                if self._visible and self._divider is None:
                    self._divider = "session"
            case Restarted() if self._visible:
                self._divider = "restart"
        return None

    def _is_visitors_own(self, event: UserUttered) -> bool:
        is_repeated = event.message_id is not None and event.message_id in self._ids
        is_outside = (event.text or "").startswith("EXTERNAL: ")
        return event.input_channel is not None and not is_repeated and not is_outside

    def _accept(self, event: UserUttered) -> Accepted | None:
        """Return the record of the accepted message id, by which the store detects late retries.

        Return None if the event has no id or a repeated one.
        """
        message_id = event.message_id
        if not message_id or message_id in self._ids or len(message_id) > _MAX_MESSAGE_ID:
            return None
        self._ids.add(message_id)
        digest = hashlib.sha256((event.text or "").encode(errors="replace")).digest()
        return Accepted(message_id=message_id, seq=self._seq, digest=digest)

    def _show(self, title: str | None = None) -> View:
        shown = View(prev=self._visible, divider=self._divider, title=title)
        self._visible, self._divider = self._seq, None
        return shown

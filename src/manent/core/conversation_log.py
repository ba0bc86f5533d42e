"""A conversation as a log: what a store keeps and hands out.

Events of one `sender_id` are numbered 1, 2, 3… (`seq`); the number of the newest is the log's `version`. An append
names the epoch and the version that it builds on. All else is a reader of the log.

These are structs, as events are: a turn makes a dozen of them, at a tenth of what frozen dataclasses cost.
`msgspec.structs.replace` makes changed copies.
"""

from typing import Any, Literal

import msgspec

from manent.core.events import Event

Divider = Literal["restart", "session"]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """How an event shows to the visitor. Events without one are internal.

    Attributes:
        prev: `seq` of the visible event before it, 0 for the first.
        divider: a line to draw before it: the conversation was restarted, or a new session began after expiry.
        title: what the visitor clicked, on user events.
    """

    prev: int
    divider: Divider | None = None
    title: str | None = None


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered event."""

    seq: int
    event: Event
    view: View | None = None


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was accepted: its id is used up within the conversation.

    Attributes:
        seq: number of its user event.
        digest: SHA-256 of its text, so that the same id with another text is recognised.
    """

    message_id: str
    seq: int
    digest: bytes


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Who is at work on an unfinished turn, until when (seconds since the epoch) unless renewed.

    Attributes:
        owner: `host:pid:nonce` of the server process.
    """

    owner: str
    until: float


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The newest facts of a conversation, read and written with every append.

    Attributes:
        epoch: random, made with the conversation; another one after an erase or replacement of the log.
        version: `seq` of the newest event, 0 for none.
        visible: `seq` of the newest visible event, 0 for none.
        divider: to be drawn before the next visible event.
        session_seq: `seq` of the newest `session_started` event, 0 for none.
        plain_seq: bot events up to here were sent to a plain socket that answered a ping since.
        open_turn: the log does not end in a finished turn; somebody has to go on with it.
        lease: who is at work on the open turn.
        owner: the subject that owns the conversation (`jwt` mode), None for nobody in particular.
        started: seconds since the epoch.
        updated: seconds since the epoch.
    """

    sender_id: str
    epoch: str
    version: int = 0
    visible: int = 0
    divider: Divider | None = None
    session_seq: int = 0
    plain_seq: int = 0
    open_turn: bool = False
    lease: Lease | None = None
    owner: str | None = None
    started: float = 0.0
    updated: float = 0.0


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The tracker as of `version`, so that a turn need not replay the whole log. `data` is `Tracker.dump()`."""

    version: int
    data: bytes


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    """Something for later: the bot shall act as if the user had meant `intent`.

    Attributes:
        name: unique in its conversation; the same name again replaces it.
        seq: number of the event that scheduled it.
        due: seconds since the epoch.
        entities: as the event has them.
        channel: name of the output channel it was scheduled on.
        kill_on_user_msg: any message after it makes it void.
    """

    sender_id: str
    name: str
    seq: int
    due: float
    intent: str
    entities: Any = None
    channel: str = ""
    kill_on_user_msg: bool = True


class CancelReminders(msgspec.Struct, frozen=True, kw_only=True):
    """Drop the reminders of the conversation that match every given field; none given: all."""

    name: str | None = None
    intent: str | None = None
    entities: Any = None

    def matches(self, reminder: Reminder) -> bool:
        """Whether a reminder is one of those."""
        return (
            self.name in (None, reminder.name)
            and self.intent in (None, reminder.intent)
            and (self.entities is None or entity_values(self.entities) == entity_values(reminder.entities))
        )


class FireReminder(msgspec.Struct, frozen=True, kw_only=True):
    """Use up a reminder: the append that carries it is written only if the reminder is still there."""

    name: str
    seq: int


ReminderChange = Reminder | CancelReminders | FireReminder


def entity_values(entities: Any) -> list[tuple[str, str]]:
    """Return what entities say, whether they are an object entity → value or a list of entities in Rasa's form."""
    if isinstance(entities, dict):
        return sorted((str(name), repr(value)) for name, value in entities.items())
    found = [entity for entity in entities or () if isinstance(entity, dict)]
    return sorted((str(entity.get("entity")), repr(entity.get("value"))) for entity in found)


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """One atomic addition to a log.

    Attributes:
        head: the head *after* the append; its `version` equals the last entry's `seq`.
        expected_version: the version that it builds on; the head's `epoch` must be the log's too.
        expected_lease: the lease that it builds on, so that of two who take over a dead server's turn one is refused,
            and so is an owner that comes back too late.
        entries: numbered `expected_version + 1` … `head.version`; may be empty (a lease taken, `plain_seq` moved).
        accepted: message ids used up by it.
        snapshot: to be kept with it.
        reminders: scheduled, cancelled and used up with it, in this order.
    """

    head: Head
    expected_version: int
    expected_lease: Lease | None = None
    entries: tuple[LogEntry, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    snapshot: Snapshot | None = None
    reminders: tuple[ReminderChange, ...] = ()


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that count no more (or again), whatever their expiry says.

    Attributes:
        kind: what `value` is: a subject, of whom all tokens are meant, or the id (`jti`) of one token.
        before: only tokens that were issued before this time (seconds since the epoch); None: all.
        lifted: the revocation was taken back.
        made: seconds since the epoch.
    """

    kind: Literal["subject", "token"]
    value: str
    before: float | None = None
    lifted: bool = False
    made: float = 0.0


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """How far a conversation's events were published, kept beside its log.

    Attributes:
        epoch: of the log that they are from. When the conversation is at another one, that log was erased or replaced.
        seq: the newest event that was published, 0 for none.
        lease: who is at publishing.
    """

    sender_id: str
    epoch: str
    seq: int = 0
    lease: Lease | None = None


class UnpublishedEvents(msgspec.Struct, frozen=True, kw_only=True):
    """The events after a publishing cursor.

    Attributes:
        cursor: the cursor.
        epoch: current epoch of the log. None: the conversation no longer exists.
        events: `seq` and JSON of the next events, in order. Empty if the epoch is not the cursor's.
    """

    cursor: Cursor
    epoch: str | None
    events: tuple[tuple[int, bytes], ...] = ()


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Visible entries in log order, and the head from the same read.

    Attributes:
        has_more: visible entries exist before the first of `entries`.
    """

    head: Head
    entries: tuple[LogEntry, ...]
    has_more: bool

"""The records of a conversation's log, which stores save.

The events of one `sender_id` are numbered 1, 2, 3… (`seq`). The number of the newest event is the log's `version`. An
append names the epoch and the version of the log to which it adds, so two writers cannot overwrite each other's events.

The records are msgspec structs, like the events. A turn creates about a dozen records, and creating a frozen dataclass
takes ten times as long as creating a struct. `msgspec.structs.replace` creates changed copies.
"""

from typing import Any, Literal

import msgspec

from manent.core.events import Event, Operator

Divider = Literal["restart", "session"]

Handler = Literal["bot", "queue", "human"]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """How an event is shown to the visitor. An event without a view is not shown.

    Attributes:
        prev: `seq` of the previous visible event, or 0 for the first visible event.
        divider: the reason for a dividing line above the event: the conversation was restarted, or the session expired
            and a new one started.
        title: text of the button that the visitor clicked (user events).
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
    """An accepted message. The conversation does not accept a second message with the same id.

    Attributes:
        seq: number of its user event.
        digest: SHA-256 of its text. The digest detects a second message with the same id and another text.
    """

    message_id: str
    seq: int
    digest: bytes


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right of one process to run an unfinished turn. A lease expires unless the process renews it.

    Attributes:
        owner: name of the server process.
        until: end of the lease, in seconds since the epoch by the store's clock.
    """

    owner: str
    until: float


class Handling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who handles a conversation. `core/handler.py` computes it from the events.

    Attributes:
        handler: the bot; the queue, if a person was requested and nobody has taken the conversation yet; or a person.
        operator: the person, if `handler` is `human`.
        since: `seq` of the event that changed the handler last, 0 for none.
        waiting_since: time at which the conversation joined the queue, in seconds since the epoch.
        closed_at: time at which an operator closed the conversation. None: it is open.
    """

    handler: Handler = "bot"
    operator: Operator | None = None
    since: int = 0
    waiting_since: float | None = None
    closed_at: float | None = None


BOT = Handling()
"""The handling of a conversation that no operator has touched."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The current state of a conversation, read and written with every append.

    Attributes:
        epoch: random id of the log, which changes when the log is erased or replaced.
        version: `seq` of the newest event, or 0 if there is none.
        visible: `seq` of the newest visible event, or 0 if there is none.
        divider: the dividing line to draw above the next visible event.
        session_seq: `seq` of the newest `session_started` event, or 0 if there is none.
        plain_seq: `seq` of the newest bot event that a plain client (a Socket.IO client without the session protocol)
            has confirmed by answering a later ping of the server. An append never reduces it.
        open_turn: whether the last turn is unfinished and must be continued.
        lease: which process runs the open turn.
        owner: the token subject that owns the conversation (`jwt` mode). None if the conversation has no owner.
        started: time of the first event, in seconds since the epoch.
        updated: time of the newest append, in seconds since the epoch.
        handling: who handles the conversation.
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
    handling: Handling = BOT


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The tracker at `version`, in the form that `Tracker.dump()` returns. A turn replays only the events after it."""

    version: int
    data: bytes


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    """A scheduled reminder: when it is due, the bot acts as if the user had sent `intent`.

    Attributes:
        name: name of the reminder. It is replaced by a later reminder with the same name in the same conversation.
        seq: number of the event that scheduled the reminder.
        due: time at which the bot acts, in seconds since the epoch.
        entities: the entities of the `ReminderScheduled` event, unchanged.
        channel: name of the output channel on which the reminder was scheduled.
        kill_on_user_msg: whether any later user message cancels the reminder.
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
    """Cancels the conversation's reminders that match every given field. Cancels all reminders if no field is given."""

    name: str | None = None
    intent: str | None = None
    entities: Any = None

    def matches(self, reminder: Reminder) -> bool:
        """Return whether this cancellation matches the reminder."""
        return (
            self.name in (None, reminder.name)
            and self.intent in (None, reminder.intent)
            and (self.entities is None or entity_values(self.entities) == entity_values(reminder.entities))
        )


class FireReminder(msgspec.Struct, frozen=True, kw_only=True):
    """Removes a due reminder. The append that contains this change fails if the reminder no longer exists."""

    name: str
    seq: int


ReminderChange = Reminder | CancelReminders | FireReminder


def entity_values(entities: Any) -> list[tuple[str, str]]:
    """Return (entity, value) pairs from an object that maps entities to values, or from a list of Rasa entities."""
    if isinstance(entities, dict):
        return sorted((str(name), repr(value)) for name, value in entities.items())
    found = [entity for entity in entities or () if isinstance(entity, dict)]
    return sorted((str(entity.get("entity")), repr(entity.get("value"))) for entity in found)


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """One atomic addition to a log.

    Attributes:
        head: the head *after* the append. Its `version` is the `seq` of the last entry.
        expected_version: the log's version before the append. The append fails if the log's version differs from
            this version, or its epoch from the epoch of `head`.
        expected_lease: the log's lease before the append. The append fails if the lease has another owner, but not
            if the owner has only renewed it. So only one process can take over a dead server's turn, and a process
            whose lease was taken over can no longer append.
        entries: the new events, numbered from `expected_version + 1` to `head.version`. Empty if the append changes
            only the lease or `plain_seq`.
        accepted: the messages whose ids the append stores.
        snapshot: the tracker to store with the events, if any.
        reminders: changes to reminders, in the order in which the store applies them.
    """

    head: Head
    expected_version: int
    expected_lease: Lease | None = None
    entries: tuple[LogEntry, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    snapshot: Snapshot | None = None
    reminders: tuple[ReminderChange, ...] = ()


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """A revocation of tokens before their expiry, or the lifting of an earlier revocation.

    Attributes:
        kind: whether `value` is a subject or a token id. A revocation of a subject revokes all of its tokens, and a
            revocation of an id (`jti`) revokes one token.
        before: revokes only tokens issued before this time (seconds since the epoch). None means all.
        lifted: whether the revocation was lifted.
        made: time when the revocation was made or lifted, in seconds since the epoch.
    """

    kind: Literal["subject", "token"]
    value: str
    before: float | None = None
    lifted: bool = False
    made: float = 0.0


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far a reader has read a log.

    Attributes:
        epoch: epoch of the log that was read, or "" if none was read.
        version: `seq` of the newest entry that was read, or 0 if there is none.
    """

    sender_id: str
    epoch: str = ""
    version: int = 0


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that differs from a reader's position, from one consistent read.

    Attributes:
        position: the reader's position.
        head: head of the log. None if the conversation does not exist.
        entries: the next entries after the position, visible or not, oldest first. Empty if the log has another epoch.
    """

    position: Position
    head: Head | None
    entries: tuple[LogEntry, ...] = ()


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """The position up to which a conversation's events were published. The store keeps this cursor next to the log.

    Attributes:
        epoch: epoch of the published log. If the log now has a different epoch, it was erased or replaced.
        seq: `seq` of the newest published event, or 0 if there is none.
        lease: which process publishes the events.
    """

    sender_id: str
    epoch: str
    seq: int = 0
    lease: Lease | None = None


class UnpublishedEvents(msgspec.Struct, frozen=True, kw_only=True):
    """The events after a publishing cursor.

    Attributes:
        cursor: the cursor.
        epoch: current epoch of the log. None if the conversation no longer exists.
        events: `seq` and JSON of the next events, in order. Empty if the log and the cursor have different epochs.
    """

    cursor: Cursor
    epoch: str | None
    events: tuple[tuple[int, bytes], ...] = ()


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Visible entries in log order, and the head from the same read.

    Attributes:
        has_more: whether visible entries exist before the first of `entries`.
    """

    head: Head
    entries: tuple[LogEntry, ...]
    has_more: bool

"""What the runtime asks of the outside: a store, custom actions, text generation. Protocols, no code.

The Protocols belong to their consumer (this package); `stores/` and `actions/` implement them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from manent.core.conversation_log import (
    Accepted,
    Append,
    Cursor,
    Head,
    Lease,
    LogEntry,
    Page,
    Reminder,
    Revocation,
    Snapshot,
    Untold,
)
from manent.core.errors import ManentError
from manent.core.events import Json
from manent.nlu.components.duckling import Service


class VersionConflict(ManentError):
    """The log is not at the epoch and version that an append (or another conditional write) builds on."""

    def __init__(self, sender_id: str) -> None:
        super().__init__("version_conflict", f"the log of {sender_id!r} has moved on")


class DuplicateMessage(ManentError):
    """An append accepts a message id that the conversation has used up already. Nothing was written."""

    def __init__(self, accepted: Accepted) -> None:
        super().__init__("duplicate_message", f"message {accepted.message_id!r} was accepted before")
        self.accepted = accepted


class ReminderGone(ManentError):
    """An append uses up a reminder that is not there any more. Nothing was written."""

    def __init__(self, sender_id: str, name: str) -> None:
        super().__init__("reminder_gone", f"the reminder {name!r} of {sender_id!r} is gone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What is needed to rebuild a tracker.

    Attributes:
        snapshot: the newest (or, when asked, an older) one; None to replay from the first event.
        entries: all entries after the snapshot.
    """

    head: Head
    snapshot: Snapshot | None
    entries: tuple[LogEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """Some of the conversations whose cursors are not at their logs' ends.

    Attributes:
        found: their ids, and who is at publishing them.
        upto: where the search has got to; None: there are no more conversations.
    """

    found: tuple[tuple[str, Lease | None], ...]
    upto: str | None


class Outbox(Protocol):
    """The side of a store that `publishing.py` reads: logs, and how far each was published.

    A conversation without a cursor has not been published at all. Erasing, replacing and purging leave the cursor as it
    is, which tells that there is something to be taken back.
    """

    async def begin_publishing(self) -> None:
        """Regard all that is in the store as published; once in the life of a store, later calls change nothing."""

    async def behind(self, *, after: str, limit: int) -> Behind:
        """Look through `limit` conversations above `after` in order of `sender_id`."""

    async def claim(
        self, sender_ids: Sequence[str], lease: Lease, *, now: float, over: Collection[str] = ()
    ) -> list[Cursor]:
        """Take a lease on the cursors of conversations, making those that are missing.

        Args:
            sender_ids: of the conversations.
            lease: to take; refused where another owner's has not run out.
            now: seconds since the epoch.
            over: owners whose leases count no more.

        Returns:
            The cursors as they are then; none for a conversation that is unknown, or empty and never published.
        """

    async def untold(self, cursors: Sequence[Cursor], *, limit: int) -> list[Untold]:
        """Return what comes after each cursor, `limit` events each at most; all of it of one instant."""

    async def move(self, cursors: Sequence[Cursor], gone: Sequence[str], *, owner: str) -> None:
        """Set cursors, remove those of conversations that are `gone`, and let go of the leases on them.

        What `owner` has no lease on any more is left alone.
        """


class ConversationStore(Outbox, Protocol):
    """Keeps the logs. All methods raise StoreError when the store cannot serve.

    One contract suite (`tests/contract/`) holds for every implementation. A conversation is known by `sender_id`;
    it exists from `create` (or `create` inside `append`) on.
    """

    async def open(self) -> None:
        """Connect and make the schema ready."""

    async def close(self) -> None:
        """Finish what is queued, then let go of every resource."""

    async def head(self, sender_id: str) -> Head | None:
        """Return the head, or None for an unknown conversation."""

    async def create(self, head: Head) -> Head:
        """Make an empty conversation (`version` 0) durable; if it exists, return the existing head unchanged."""

    async def append(self, append: Append) -> None:
        """Add to a log, atomically and durably: on return the events survive a crash (of power, too).

        Creates the conversation when it does not exist and `expected_version` is 0.

        Raises:
            VersionConflict: the log's epoch, version or lease is another.
            DuplicateMessage: an accepted id was used before in this conversation.
            ReminderGone: a reminder that it uses up is not there.
        """

    async def load(self, sender_id: str, *, before: int | None = None) -> Loaded | None:
        """Return the newest snapshot (`before`: the newest with a version below it) and all entries after it."""

    async def page(self, sender_id: str, *, limit: int, before: int | None = None) -> Page | None:
        """Return the newest `limit` visible entries, or those with `seq` below `before`; in log order."""

    async def after(self, sender_id: str, seq: int, *, limit: int) -> Page | None:
        """Return the first `limit` visible entries with a `seq` above `seq`; `has_more`: there are still newer."""

    async def entries(self, sender_id: str, *, after: int = 0, limit: int | None = None) -> list[LogEntry]:
        """Return all entries (visible or not) above `after`, oldest first."""

    async def tail(self, sender_id: str, *, after: int, limit: int) -> list[bytes]:
        """Return the newest `limit` events above `after` as JSON, oldest first (what action servers are sent)."""

    async def accepted(self, sender_id: str, message_id: str) -> Accepted | None:
        """Return the accepted message of this id."""

    async def erase(self, sender_id: str, *, new_epoch: str | None) -> bool:
        """Remove the conversation with all that is kept of it; with `new_epoch` leave an empty one. Was there one?"""

    async def replace(self, append: Append, *, expected_epoch: str) -> None:
        """Put another log (under another epoch: `append.head.epoch`) in the place of this one."""

    async def conversations(
        self, *, owner: str | None = None, after: str | None = None, limit: int = 100
    ) -> Sequence[Head]:
        """Return heads: those of one owner newest first, or all in order of `sender_id` above `after`."""

    async def places(self, sender_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Return epoch and version of those conversations that exist; cheap for a thousand at once."""

    async def unfinished(self, *, now: float, limit: int = 100) -> Sequence[Head]:
        """Return heads whose turn is open and whose lease (if any) has run out at `now`."""

    async def due_reminders(self, *, now: float, limit: int = 100) -> Sequence[Reminder]:
        """Return reminders that are due at `now`, the longest overdue first."""

    async def next_reminder(self) -> float | None:
        """Return when the next reminder is due (it may be overdue), None when there is none."""

    async def purge(self, *, older_than: float) -> int:
        """Remove conversations whose newest change is before that time (seconds since the epoch); return how many."""

    async def news(self, *, within_s: float) -> Collection[str] | None:
        """Wait until another process has written, at most so many seconds. One caller at a time.

        Returns:
            The conversations that it wrote to; none, when nobody has written; None, when anything may have been
            written.
        """

    async def get_meta(self, key: str) -> bytes | None:
        """Return a value kept for the whole store (a secret made once, the schema's version)."""

    async def put_meta(self, key: str, value: bytes) -> bytes:
        """Keep a value under a key unless there is one; return the one that is there now."""

    async def revoke(self, revocation: Revocation) -> None:
        """Keep a revocation, in the place of an earlier one of the same kind and value."""

    async def revocations(self, *, since: float = 0.0) -> Sequence[Revocation]:
        """Return the revocations made at `since` (seconds since the epoch) or later, lifted ones too, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCall:
    """One call of a custom action.

    Attributes:
        name: the action.
        tracker: the tracker as JSON (contract: "Tracker JSON") with `events` cut to the current session.
        idempotency_key: `epoch:seq:action`; the same when the call is made again after a crash.
    """

    name: str
    sender_id: str
    tracker: Json
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """What a custom action answered, as JSON (contract §9). `rejected`: it declined to run (status 400)."""

    events: tuple[Json, ...] = ()
    responses: tuple[Json, ...] = ()
    rejected: bool = False


NEWEST_EVENTS = 500
"""Events of the session that an action is shown, unless its endpoint says otherwise."""


class ActionRunner(Protocol):
    """Runs custom actions: on an action server, or in this process."""

    @property
    def newest_events(self) -> int | None:
        """How many of the session's newest events an action is shown; None: all of them."""

    async def run(self, call: ActionCall) -> ActionResult:
        """Run an action.

        Raises:
            ActionError: it could not be run (`protocol.md`: "When an action can't be run").
        """

    async def close(self) -> None:
        """Let go of connections and threads."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to an event broker.

    Attributes:
        key: the same when it is handed over again, and only then.
        body: an event's JSON with the `sender_id` in it.
    """

    sender_id: str
    key: str
    body: bytes


class Broker(Protocol):
    """Takes events to whoever listens outside (`event_broker:` in `endpoints.yml`)."""

    async def connect(self) -> None:
        """Be ready to publish; at once when it is.

        Raises:
            BrokerError: it cannot be reached.
        """

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Hand messages over, in order; on return the broker has them for good.

        Raises:
            BrokerError: perhaps some of them got there, and all must be given again.
        """

    async def close(self) -> None:
        """Let go of connections and files."""


class Generator(Protocol):
    """Makes response texts outside (`nlg:` in `endpoints.yml`)."""

    async def generate(self, response: str, arguments: Json, tracker: Json, channel: str) -> Json:
        """Return a message as JSON (`text, buttons, image, …`).

        Raises:
            ActionError: the server could not be reached or answered garbage.
        """

    async def close(self) -> None:
        """Close the connections."""


class Services(Protocol):
    """Asks servers what they find in a message (`Pipeline.services`): Duckling."""

    def ask(self, text: str) -> Mapping[Service, Sequence[Json]]:
        """Return the entities that each service found; none from one that can't be reached. Blocks."""

    async def ask_aside(self, text: str) -> Mapping[Service, Sequence[Json]]:
        """Do the same in a thread."""


class Output(Protocol):
    """A channel that can send on its own, without being asked by a request (callback)."""

    async def send(self, sender_id: str, entries: Sequence[LogEntry]) -> None:
        """Send what the bot said in these committed entries, in order.

        Raises:
            RequestError: it could not be sent.
        """

"""The interface to the store of conversation logs. `stores/` implements it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from manent.core.conversation_log import (
    Accepted,
    Append,
    Change,
    Cursor,
    Head,
    Lease,
    LogEntry,
    Page,
    Position,
    Reminder,
    Revocation,
    Snapshot,
    UnpublishedEvents,
)
from manent.core.errors import ManentError
from manent.core.postbox import ReceivedMessage, Route, Undelivered
from manent.runtime.ports.files import FileRecords


class VersionConflict(ManentError):
    """The epoch, version or lease of the log differs from the value that the write expects. Nothing was written."""

    def __init__(self, sender_id: str) -> None:
        super().__init__(
            "version_conflict", f"conversation {sender_id!r} was changed by another server; load it again and retry"
        )


class DuplicateMessage(ManentError):
    """The conversation has already accepted a message id of the append. Nothing was written."""

    def __init__(self, accepted: Accepted) -> None:
        super().__init__(
            "duplicate_message", f"message {accepted.message_id!r} was already accepted in this conversation"
        )
        self.accepted = accepted


class ReminderGone(ManentError):
    """The reminder that an append removes no longer exists. Nothing was written."""

    def __init__(self, sender_id: str, name: str) -> None:
        super().__init__("reminder_gone", f"reminder {name!r} of conversation {sender_id!r} no longer exists")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The data from which a tracker is rebuilt.

    Attributes:
        head: head of the log.
        snapshot: the newest snapshot, or an older snapshot if the caller requests it. None if `entries` start at the
            first event.
        entries: all entries after the snapshot.
    """

    head: Head
    snapshot: Snapshot | None
    entries: tuple[LogEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """One page of the search for conversations with unpublished events.

    Attributes:
        found: for each conversation found, its id and the lease on its cursor.
        upto: id of the last conversation that was searched. None after the last page.
    """

    found: tuple[tuple[str, Lease | None], ...]
    upto: str | None


class Outbox(Protocol):
    """The part of a store that `publishing.py` uses. It contains the logs and a publishing cursor for each log.

    A conversation without a cursor has never been published. Erasing, replacing or purging a log does not remove its
    cursor. So the publisher detects that the published events are no longer valid.
    """

    async def begin_publishing(self) -> None:
        """Mark all events in the store as published. Only the first call on a store has an effect."""

    async def behind(self, *, after: str, limit: int) -> Behind:
        """Search the next `limit` conversations after `after`, ordered by `sender_id`."""

    async def claim(
        self, sender_ids: Sequence[str], lease: Lease, *, now: float, over: Collection[str] = ()
    ) -> list[Cursor]:
        """Acquire a lease on the cursors of conversations. Missing cursors are created.

        Args:
            sender_ids: the conversations.
            lease: the lease to acquire. The store does not grant it while the lease of another owner is valid.
            now: seconds since the epoch.
            over: owners whose leases are no longer valid, even if they have not expired.

        Returns: The cursors after the call. Conversations that do not exist, and empty conversations that were never
        published, have no cursor.
        """

    async def unpublished(self, cursors: Sequence[Cursor], *, limit: int) -> list[UnpublishedEvents]:
        """Return the events after each cursor, at most `limit` events each, from one consistent read."""

    async def move(self, cursors: Sequence[Cursor], gone: Sequence[str], *, owner: str) -> None:
        """Set cursors, remove the cursors of the conversations in `gone`, and release the leases on all of them.

        Cursors on which `owner` no longer holds a lease are not changed.
        """


class SharedModels(Protocol):
    """The part of a store that lets all servers switch to the same model (`server/models/switching.py`).

    Model files are stored in parts, so that a large file does not delay the writes of conversations.
    """

    async def swap_meta(self, key: str, value: bytes, *, expected: bytes | None) -> bool:
        """Replace the value of a key if it equals `expected`. None means that the key has no value.

        Returns:
            Whether the value was replaced. If several servers replace the same value, only one succeeds.
        """

    async def report_server(self, name: str, *, ready: int, for_s: float) -> dict[str, int]:
        """Record that a server is running, and for which announced model it is ready.

        Args:
            name: name of the server process, see `server_name.py`.
            ready: number of the announcement of the model.
            for_s: seconds for which this report is valid.

        Returns:
            Name and `ready` of all servers whose report is valid.
        """

    async def remove_server(self, name: str) -> None:
        """Remove the report of a server that is stopping."""

    async def put_model_part(self, digest: str, number: int, data: bytes) -> None:
        """Store a part of a model file, unless the store contains it."""

    async def model_part(self, digest: str, number: int) -> bytes | None:
        """Return a part of a model file, or None if the store does not contain it."""

    async def keep_models(self, digests: Collection[str]) -> None:
        """Remove the parts of all other model files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesBehind:
    """One page of results of the search for routes whose conversations have unsent events.

    Attributes:
        found: the routes.
        upto: the last route that was searched. None after the last page.
    """

    found: tuple[Route, ...]
    upto: str | None


class Postbox(Protocol):
    """The part of a store that messenger channels use.

    The store keeps received messages until their conversations have accepted them, and one route for each conversation.
    Erasing and purging a conversation remove its route.
    """

    async def receive(self, message: ReceivedMessage, start: Route, *, limit: int) -> ReceivedMessage | None:
        """Store a message durably, unless a message with the same channel, address and id was received before.

        Args:
            message: without `sender_id` and `number`.
            start: the route to create if the address has no route. If another address already uses the route's
                `sender_id`, the message is stored for the conversation `<channel>:<address>` instead.
            limit: maximum number of waiting messages per conversation.

        Returns: The message with its conversation and number, or None if it was received before.

        Raises:
            RequestError: `busy`: too many messages are waiting.
        """

    async def claim_received(
        self, lease: Lease, *, now: float, over: Collection[str] = (), limit: int
    ) -> list[ReceivedMessage]:
        """Acquire a lease on waiting messages, oldest first, and return them. Their `reference` is empty.

        A message is not claimed while another owner has a valid lease on a message of the same conversation. So only
        one server at a time submits a conversation's messages. `over`: owners whose leases are no longer valid.
        """

    async def renew_received(self, lease: Lease) -> None:
        """Extend all leases on messages of `lease.owner` to `lease.until`."""

    async def release_received(self, owner: str) -> None:
        """Release all leases of an owner on messages."""

    async def finish_received(self, numbers: Sequence[int], *, now: float) -> None:
        """Remove accepted messages. Their keys remain, so that repeated deliveries are detected."""

    async def received_owners(self) -> list[str]:
        """Return the owners of leases on waiting messages."""

    async def count_received(self) -> int:
        """Return the number of waiting messages."""

    async def forget_received(self, *, older_than: float) -> int:
        """Remove the keys of messages that were finished before `older_than`. Return their number."""

    async def open_route(self, route: Route) -> Route | None:
        """Create a route unless the conversation has one.

        Returns: The conversation's route, or None if the conversation has a route of another channel.
        """

    async def routes(self, sender_ids: Sequence[str]) -> list[Route]:
        """Return the routes of these conversations."""

    async def route_at(self, channel: str, address: str) -> Route | None:
        """Return the route of an address, or None if no message was received from the address."""

    async def has_routes(self) -> bool:
        """Return whether any conversation has a route."""

    async def routes_behind(self, *, after: str, limit: int) -> RoutesBehind:
        """Search the next `limit` routes after `after`, ordered by `sender_id`."""

    async def claim_routes(
        self, sender_ids: Sequence[str], lease: Lease, *, now: float, over: Collection[str] = ()
    ) -> list[Route]:
        """Acquire a lease on routes whose `retry_at` has passed. Return the routes on which the lease was granted.

        `over`: owners whose leases are no longer valid.
        """

    async def move_route(self, route: Route, *, owner: str, undelivered: Undelivered | None = None) -> bool:
        """Write a route's position, retry time and lease, and record a part as undelivered.

        Returns: Whether the write succeeded. It fails if `owner` no longer has the lease, or if the log was replaced.
        """

    async def record_undelivered(self, sender_id: str, undelivered: Undelivered) -> None:
        """Record a part that the platform accepted first and could not deliver."""

    async def release_routes(self, owner: str) -> None:
        """Release all leases of an owner on routes."""

    async def undelivered(self, sender_id: str) -> list[Undelivered]:
        """Return the parts of a conversation's bot messages that were rejected or possibly arrived twice, in order."""


class ConversationStore(Outbox, Postbox, SharedModels, FileRecords, Protocol):
    """Stores the logs.

    Every method raises StoreError if the store is not available. `tests/contract/` tests every implementation.
    `sender_id` is the key of a conversation. A conversation exists as soon as `create`, or an `append` with
    `expected_version` 0, has returned.
    """

    async def open(self) -> None:
        """Connect. Create the tables in a new store, or check the schema of an existing one."""

    async def close(self) -> None:
        """Finish queued writes, then close all connections and files."""

    async def head(self, sender_id: str) -> Head | None:
        """Return the head of a log, or None if the conversation does not exist."""

    async def create(self, head: Head) -> Head:
        """Create an empty conversation (`version` 0) durably. If the conversation exists, return its head unchanged."""

    async def append(self, append: Append) -> None:
        """Append to a log, atomically and durably.

        When this method returns, the events survive a crash and a power failure. Create the conversation if it does not
        exist and `expected_version` is 0.

        Raises:
            VersionConflict: the log has another epoch, version or lease.
            DuplicateMessage: this conversation has already accepted one of the message ids.
            ReminderGone: a reminder to fire does not exist.
        """

    async def load(self, sender_id: str, *, before: int | None = None) -> Loaded | None:
        """Return the newest snapshot (with a version below `before`, if given) and all entries after it."""

    async def page(self, sender_id: str, *, limit: int, before: int | None = None) -> Page | None:
        """Return the newest `limit` visible entries (with a `seq` below `before`, if given), in log order."""

    async def after(self, sender_id: str, seq: int, *, limit: int) -> Page | None:
        """Return the first `limit` visible entries after `seq`.

        Here, `has_more` means that newer visible entries exist.
        """

    async def entries(self, sender_id: str, *, after: int = 0, limit: int | None = None) -> list[LogEntry]:
        """Return all entries after `after`, visible or not, oldest first."""

    async def tail(self, sender_id: str, *, after: int, limit: int) -> list[bytes]:
        """Return the newest `limit` events after `after` as JSON, oldest first. Action servers receive them."""

    async def erase(self, sender_id: str, *, new_epoch: str | None) -> bool:
        """Remove all of the conversation's data and return whether it existed.

        With `new_epoch`, create an empty conversation.
        """

    async def replace(self, append: Append, *, expected_epoch: str, expected_version: int) -> None:
        """Replace the log with another log that has a new epoch (`append.head.epoch`).

        The position of the conversation's route moves behind the new log.

        Args:
            append: the new log.
            expected_epoch: epoch of the log to replace.
            expected_version: version of the log to replace.

        Raises:
            VersionConflict: the log has another epoch or version, or does not exist. Nothing was written.
        """

    async def conversations(
        self, *, owner: str | None = None, after: str | None = None, limit: int = 100
    ) -> Sequence[Head]:
        """Return the heads of one owner, newest first, or all heads after `after`, ordered by `sender_id`."""

    async def changes(self, positions: Sequence[Position], *, limit: int) -> list[Change]:
        """Return the conversations whose epoch or version differs from a position, fast even for a thousand positions.

        Args:
            positions: positions in different conversations.
            limit: maximum number of entries for each conversation. 0: return heads without entries.
        """

    async def unfinished(self, *, now: float, over: Collection[str] = (), limit: int = 100) -> Sequence[Head]:
        """Return the heads with an open turn and no valid lease, least recently changed first.

        A lease is valid if it ends after `now`, unless its owner is one of `over`.
        """

    async def lease_owners(self) -> Collection[str | None]:
        """Return the owners of leases on open turns.

        The set contains None if a turn has no lease, and is empty if no turn is open.
        """

    async def renew_leases(self, owner: str, *, for_s: float) -> float:
        """Extend all leases of an owner on open turns to `for_s` seconds from now.

        Returns: The time of the store's clock, in seconds since the epoch. All servers that use the store measure
        leases with this clock.
        """

    async def release_leases(self, owner: str) -> None:
        """Remove all leases of an owner on open turns."""

    async def handled(self, handler: Literal["queue", "human"], *, after: str = "", limit: int = 100) -> Sequence[Head]:
        """Return heads of conversations with this handler, all after `after` in order of `sender_id`.

        The cost does not depend on the number of other conversations.
        """

    async def due_reminders(self, *, now: float, limit: int = 100) -> Sequence[Reminder]:
        """Return reminders that are due at `now` in conversations that the bot handles, the most overdue first."""

    async def next_reminder(self) -> float | None:
        """Return the time of the next reminder among the conversations that the bot handles. It may be in the past.

        Return None if there is none.
        """

    async def purge(self, *, older_than: float) -> int:
        """Remove conversations that were last changed before this time (seconds since the epoch).

        Return their number.
        """

    async def news(self, *, within_s: float) -> Collection[str] | None:
        """Wait until another process writes to the store, at most `within_s` seconds.

        Only one caller may wait at a time.

        Returns: The conversations that changed, empty if no process has written. None means that any conversation may
        have changed.
        """

    async def get_meta(self, key: str) -> bytes | None:
        """Return a value that applies to the whole store, for example a generated secret."""

    async def put_meta(self, key: str, value: bytes) -> bytes:
        """Store a value, unless the key already has a value. Return the stored value."""

    async def check_writable(self) -> None:
        """Write a test row durably, to check the store. Raises StoreError if the write or a recent append failed."""

    async def revoke(self, revocation: Revocation) -> None:
        """Store a revocation. The revocation replaces an earlier one with the same kind and value."""

    async def revocations(self, *, since: float = 0.0) -> Sequence[Revocation]:
        """Return revocations made since `since` (seconds since the epoch), including lifted ones, oldest first."""

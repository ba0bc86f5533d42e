"""The interface to the store of conversation logs. `stores/` implements it."""

from collections.abc import Collection, Sequence
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
    UnpublishedEvents,
)
from manent.core.errors import ManentError


class VersionConflict(ManentError):
    """The log does not have the epoch, version or lease that a conditional write expects. Nothing was written."""

    def __init__(self, sender_id: str) -> None:
        super().__init__(
            "version_conflict", f"conversation {sender_id!r} was changed by another server; load it again and retry"
        )


class DuplicateMessage(ManentError):
    """An append contains a message id that this conversation has already accepted. Nothing was written."""

    def __init__(self, accepted: Accepted) -> None:
        super().__init__(
            "duplicate_message", f"message {accepted.message_id!r} was already accepted in this conversation"
        )
        self.accepted = accepted


class ReminderGone(ManentError):
    """An append fires a reminder that no longer exists. Nothing was written."""

    def __init__(self, sender_id: str, name: str) -> None:
        super().__init__("reminder_gone", f"reminder {name!r} of conversation {sender_id!r} no longer exists")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The data from which a tracker is rebuilt.

    Attributes:
        head: head of the log.
        snapshot: the newest snapshot, or an older one if the caller asked for it. None: `entries` start at the first
            event.
        entries: all entries after the snapshot.
    """

    head: Head
    snapshot: Snapshot | None
    entries: tuple[LogEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """One page of conversations with unpublished events.

    Attributes:
        found: id of each conversation, and the lease on its cursor.
        upto: id of the last conversation that was searched. None: there are no more conversations.
    """

    found: tuple[tuple[str, Lease | None], ...]
    upto: str | None


class Outbox(Protocol):
    """The part of a store that `publishing.py` uses: the logs, and one publishing cursor for each log.

    A conversation without a cursor has never been published. Erasing, replacing and purging a log keep its cursor, so
    that the publisher notices that the published events are no longer valid.
    """

    async def begin_publishing(self) -> None:
        """Mark everything in the store as published. Only the first call on a store, ever, has an effect."""

    async def behind(self, *, after: str, limit: int) -> Behind:
        """Search the next `limit` conversations after `after`, in order of `sender_id`."""

    async def claim(
        self, sender_ids: Sequence[str], lease: Lease, *, now: float, over: Collection[str] = ()
    ) -> list[Cursor]:
        """Acquire a lease on the cursors of conversations. Missing cursors are created.

        Args:
            sender_ids: the conversations.
            lease: the lease to acquire. It is not granted while the lease of another owner is valid.
            now: seconds since the epoch.
            over: owners whose leases are no longer valid.

        Returns:
            The cursors after the call. Unknown conversations have no cursor, nor have empty ones that were never
            published.
        """

    async def unpublished(self, cursors: Sequence[Cursor], *, limit: int) -> list[UnpublishedEvents]:
        """Return the events after each cursor, at most `limit` events each, from one consistent read."""

    async def move(self, cursors: Sequence[Cursor], gone: Sequence[str], *, owner: str) -> None:
        """Set cursors, remove the cursors of conversations that are `gone`, and release the leases on both.

        Cursors on which `owner` no longer holds a lease are not changed.
        """


class SharedModels(Protocol):
    """The part of a store with which its servers use the same model: see `server/models/switching.py`.

    Model files are stored in parts, so that a large file does not delay the writes of conversations.
    """

    async def swap_meta(self, key: str, value: bytes, *, expected: bytes | None) -> bool:
        """Replace the value of a key if it is `expected`. None: the key has no value.

        Returns:
            Whether the value was replaced. Of several servers that replace the same value, only one succeeds.
        """

    async def report_server(self, name: str, *, ready: int, for_s: float) -> dict[str, int]:
        """Note that a server runs, and which announcement of a model it is ready for.

        Args:
            name: name of the server process, see `server_name.py`.
            ready: number of the announcement.
            for_s: seconds after which the report is no longer valid.

        Returns:
            Name and `ready` of all servers whose report is valid.
        """

    async def remove_server(self, name: str) -> None:
        """Remove the report of a server, which stops."""

    async def put_model_part(self, digest: str, number: int, data: bytes) -> None:
        """Store a part of a model file, unless it is stored."""

    async def model_part(self, digest: str, number: int) -> bytes | None:
        """Return a part of a model file. None: it is not stored."""

    async def keep_models(self, digests: Collection[str]) -> None:
        """Remove the parts of all other model files."""


class ConversationStore(Outbox, SharedModels, Protocol):
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
        """Return the head, or None if the conversation does not exist."""

    async def create(self, head: Head) -> Head:
        """Create an empty conversation (`version` 0) durably. If it exists, return its head unchanged."""

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

        Here `has_more` says whether newer visible entries exist.
        """

    async def entries(self, sender_id: str, *, after: int = 0, limit: int | None = None) -> list[LogEntry]:
        """Return all entries after `after`, visible or not, oldest first."""

    async def tail(self, sender_id: str, *, after: int, limit: int) -> list[bytes]:
        """Return the newest `limit` events after `after` as JSON, oldest first. Action servers receive them."""

    async def erase(self, sender_id: str, *, new_epoch: str | None) -> bool:
        """Remove all data of the conversation and return whether it existed.

        With `new_epoch`, create an empty conversation.
        """

    async def replace(self, append: Append, *, expected_epoch: str) -> None:
        """Replace the log by another one, which has another epoch (`append.head.epoch`)."""

    async def conversations(
        self, *, owner: str | None = None, after: str | None = None, limit: int = 100
    ) -> Sequence[Head]:
        """Return heads: those of one owner, newest first, or all after `after` in order of `sender_id`."""

    async def places(self, sender_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Return epoch and version of the conversations that exist. The call is fast even for a thousand ids."""

    async def unfinished(self, *, now: float, over: Collection[str] = (), limit: int = 100) -> Sequence[Head]:
        """Return heads with an open turn and no valid lease, longest unchanged first.

        A lease is valid if it ends after `now`, unless its owner is one of `over`.
        """

    async def lease_owners(self) -> Collection[str | None]:
        """Return who holds the leases on open turns. None: a turn has no lease. Empty: no turn is open."""

    async def renew_leases(self, owner: str, *, for_s: float) -> float:
        """Let all leases of an owner on open turns end `for_s` seconds from now.

        Returns:
            The store's time in seconds since the epoch. Servers on one store measure leases with this clock.
        """

    async def release_leases(self, owner: str) -> None:
        """Remove all leases of an owner on open turns."""

    async def due_reminders(self, *, now: float, limit: int = 100) -> Sequence[Reminder]:
        """Return reminders that are due at `now`, the most overdue first."""

    async def next_reminder(self) -> float | None:
        """Return the time of the next reminder, which may be in the past. Return None if there is no reminder."""

    async def purge(self, *, older_than: float) -> int:
        """Remove conversations that were last changed before this time (seconds since the epoch).

        Return their number.
        """

    async def news(self, *, within_s: float) -> Collection[str] | None:
        """Wait until another process writes to the store, at most `within_s` seconds.

        Only one caller may wait at a time.

        Returns:
            The conversations to which it wrote. Empty if no process has written. None if any conversation may have
            changed.
        """

    async def get_meta(self, key: str) -> bytes | None:
        """Return a value that belongs to the whole store, for example a generated secret."""

    async def put_meta(self, key: str, value: bytes) -> bytes:
        """Store a value, unless the key already has a value. Return the value that the key then has."""

    async def revoke(self, revocation: Revocation) -> None:
        """Store a revocation. It replaces an earlier one of the same kind and value."""

    async def revocations(self, *, since: float = 0.0) -> Sequence[Revocation]:
        """Return revocations (also lifted ones) made at `since` (seconds since the epoch) or later, oldest first."""

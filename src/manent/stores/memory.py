"""Stores conversations in a dictionary. The conversations are lost when the process ends.

This is the store for `tracker_store: {type: InMemory}` and for tests. It is also the simplest implementation of
`ConversationStore`, and checks the same conditions before a write as the other stores.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Literal, TypeVar

from msgspec.structs import replace

from manent.core.conversation_log import (
    Accepted,
    Append,
    CancelReminders,
    Change,
    Cursor,
    FireReminder,
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
from manent.core.errors import StoreError
from manent.core.events import encode_event
from manent.extensions.finding import Site
from manent.extensions.options import NoOptions
from manent.runtime.ports.store import Behind, DuplicateMessage, Loaded, ReminderGone, VersionConflict
from manent.stores.codec import check_append
from manent.stores.files import FileTables, forget_conversation, prepare_replacement
from manent.stores.head_row import empty_head, owner_of
from manent.stores.operation import Operation, run_on_sqlite
from manent.stores.schema.steps import steps
from manent.stores.thinning import superfluous

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

_SHOWN_TABLES = """
    CREATE TABLE conversations (id INTEGER PRIMARY KEY, sender_id TEXT UNIQUE, epoch TEXT, version INTEGER);
    CREATE TABLE accepted (conversation_id INTEGER, message_id TEXT);
    """
"""The tables of the other stores that operations read. They are filled before each operation."""

_OPERATION_TABLES = (
    "_postbox",
    "_files",
    "_desk",
    "_desk_bridges",
    "_desk_label_channels",
    "_rate_limits",
    "_desk_link_retries",
)
"""Endings of the names of the SQL files that create the tables of operations."""


@dataclass(slots=True)
class _Conversation:
    head: Head
    entries: list[LogEntry] = field(default_factory=list)
    accepted: dict[str, Accepted] = field(default_factory=dict)
    snapshots: dict[int, Snapshot] = field(default_factory=dict)
    reminders: dict[str, Reminder] = field(default_factory=dict)

    def take(self, append: Append) -> None:
        self.entries.extend(append.entries)
        self.accepted.update((accepted.message_id, accepted) for accepted in append.accepted)
        if append.snapshot is not None:
            self.snapshots[append.snapshot.version] = append.snapshot
            for version in superfluous(self.snapshots):
                del self.snapshots[version]
        for change in append.reminders:
            match change:
                case Reminder():
                    self.reminders[change.name] = change
                case CancelReminders():
                    self.reminders = {name: one for name, one in self.reminders.items() if not change.matches(one)}
                case FireReminder():
                    del self.reminders[change.name]
        lease, old = append.head.lease, self.head.lease
        if lease is not None and old is not None and lease.owner == old.owner:
            lease = Lease(owner=lease.owner, until=max(lease.until, old.until))
        plain_seq = self.head.plain_seq if append.head.epoch == self.head.epoch else 0
        self.head = replace(append.head, lease=lease, plain_seq=max(append.head.plain_seq, plain_seq))

    def has(self, change: FireReminder) -> bool:
        found = self.reminders.get(change.name)
        return found is not None and found.seq == change.seq


class MemoryStore(FileTables):
    """Implements `ConversationStore` in memory, without durability."""

    options = NoOptions

    @classmethod
    def from_options(cls, _: NoOptions, __: Site) -> "MemoryStore":
        """Return an empty store."""
        return cls()

    def __init__(self) -> None:
        self._conversations: dict[str, _Conversation] = {}
        self._meta: dict[str, bytes] = {}
        self._servers: dict[str, tuple[float, int]] = {}
        self._model_parts: dict[tuple[str, int], bytes] = {}
        self._revocations: dict[tuple[str, str], Revocation] = {}
        self._cursors: dict[str, Cursor] = {}
        self._publishing = False
        self._tables: sqlite3.Connection | None = None
        self._closed = False

    async def open(self) -> None:
        """Accept calls. Conversations remain in memory after `close`."""
        self._closed = False

    async def close(self) -> None:
        """Reject further calls."""
        self._closed = True

    async def run_operation(self, operation: Operation[T], *, is_read: bool = False, is_alone: bool = False) -> T:
        """See `PostboxTables.run_operation`. The tables are in an SQLite database in memory."""
        del is_read, is_alone
        self._find("")
        if self._tables is None:
            import sqlite3

            self._tables = sqlite3.connect(":memory:", isolation_level=None)
            self._tables.executescript(_SHOWN_TABLES)
            for step in steps("sqlite"):
                if step.file.stem.endswith(_OPERATION_TABLES):
                    self._tables.executescript(step.file.read_text())
        self._tables.execute("BEGIN")
        try:
            self._show_conversations(self._tables)
            result = run_on_sqlite(self._tables.cursor(), operation)
        except BaseException:
            self._tables.execute("ROLLBACK")
            raise
        self._tables.execute("COMMIT")
        return result

    def _show_conversations(self, tables: "sqlite3.Connection") -> None:
        """Fill the tables that operations read: all conversations, and the accepted messages of those with files."""
        tables.execute("DELETE FROM conversations")
        tables.execute("DELETE FROM accepted")
        heads = [found.head for found in self._conversations.values()]
        rows = [(number, head.sender_id, head.epoch, head.version) for number, head in enumerate(heads)]
        tables.executemany("INSERT INTO conversations VALUES (?, ?, ?, ?)", rows)
        query = "SELECT DISTINCT c.id, c.sender_id FROM files AS f JOIN conversations AS c ON c.sender_id = f.sender_id"
        for number, sender_id in tables.execute(query).fetchall():
            accepted = [(number, message_id) for message_id in self._conversations[sender_id].accepted]
            tables.executemany("INSERT INTO accepted VALUES (?, ?)", accepted)

    def _find(self, sender_id: str) -> _Conversation | None:
        if self._closed:
            raise StoreError("store_closed", "the store is closed")
        return self._conversations.get(sender_id)

    async def head(self, sender_id: str) -> Head | None:
        """Return the head, or None if the conversation does not exist."""
        found = self._find(sender_id)
        return found.head if found else None

    async def create(self, head: Head) -> Head:
        """Create an empty conversation (`version` 0) durably. If the conversation exists, return its head unchanged."""
        found = self._find(head.sender_id)
        if found is None:
            found = self._conversations[head.sender_id] = _Conversation(replace(head, version=0))
        return found.head

    async def append(self, append: Append) -> None:
        """Append to a log, atomically and durably."""
        check_append(append)
        sender_id = append.head.sender_id
        found = self._find(sender_id)
        if found is None:
            if append.expected_version != 0:
                raise VersionConflict(sender_id)
            found = _Conversation(replace(append.head, version=0))
        elif (found.head.epoch, found.head.version, owner_of(found.head.lease)) != (
            append.head.epoch,
            append.expected_version,
            owner_of(append.expected_lease),
        ):
            raise VersionConflict(sender_id)
        for accepted in append.accepted:
            if accepted.message_id in found.accepted:
                raise DuplicateMessage(found.accepted[accepted.message_id])
        for change in append.reminders:
            if isinstance(change, FireReminder) and not found.has(change):
                raise ReminderGone(sender_id, change.name)
        self._conversations[sender_id] = found
        found.take(append)

    async def load(self, sender_id: str, *, before: int | None = None) -> Loaded | None:
        """Return the newest snapshot (with a version below `before`, if given) and all entries after it."""
        found = self._find(sender_id)
        if found is None:
            return None
        versions = [version for version in found.snapshots if before is None or version < before]
        snapshot = found.snapshots[max(versions)] if versions else None
        start = snapshot.version if snapshot else 0
        return Loaded(head=found.head, snapshot=snapshot, entries=tuple(found.entries[start:]))

    async def page(self, sender_id: str, *, limit: int, before: int | None = None) -> Page | None:
        """Return the newest `limit` visible entries (with a `seq` below `before`, if given), in log order."""
        found = self._find(sender_id)
        if found is None:
            return None
        older = found.entries if before is None else found.entries[: max(before - 1, 0)]
        newest = _visible(reversed(older), limit + 1)
        return Page(head=found.head, entries=tuple(reversed(newest[:limit])), has_more=len(newest) > limit)

    async def after(self, sender_id: str, seq: int, *, limit: int) -> Page | None:
        """Return the first `limit` visible entries after `seq`."""
        found = self._find(sender_id)
        if found is None:
            return None
        oldest = _visible(found.entries[max(seq, 0) :], limit + 1)
        return Page(head=found.head, entries=tuple(oldest[:limit]), has_more=len(oldest) > limit)

    async def entries(self, sender_id: str, *, after: int = 0, limit: int | None = None) -> list[LogEntry]:
        """Return all entries after `after`, visible or not, oldest first."""
        found = self._find(sender_id)
        return found.entries[max(after, 0) :][:limit] if found else []

    async def tail(self, sender_id: str, *, after: int, limit: int) -> list[bytes]:
        """Return the newest `limit` events after `after` as JSON, oldest first. Action servers receive them."""
        found = self._find(sender_id)
        if found is None:
            return []
        start = max(after, found.head.version - limit, 0)
        return [encode_event(entry.event) for entry in found.entries[start:]]

    async def erase(self, sender_id: str, *, new_epoch: str | None) -> bool:
        """Remove all of the conversation's data and return whether it existed."""
        found = self._find(sender_id)
        self._conversations.pop(sender_id, None)
        if new_epoch is not None:
            head = empty_head(sender_id, new_epoch, owner=found.head.owner if found else None)
            self._conversations[sender_id] = _Conversation(head)
        await self._forget(sender_id)
        return found is not None

    async def _forget(self, sender_id: str) -> None:
        if self._tables is not None:
            await self.run_operation(forget_conversation(sender_id, time.time()))

    async def replace(self, append: Append, *, expected_epoch: str, expected_version: int) -> None:
        """See `ConversationStore.replace`."""
        check_append(append)
        found = self._find(append.head.sender_id)
        if found is None or (found.head.epoch, found.head.version) != (expected_epoch, expected_version):
            raise VersionConflict(append.head.sender_id)
        if self._tables is not None:
            await self.run_operation(prepare_replacement(append.head))
        fresh = self._conversations[append.head.sender_id] = _Conversation(append.head)
        fresh.take(append)

    async def conversations(
        self, *, owner: str | None = None, after: str | None = None, limit: int = 100
    ) -> Sequence[Head]:
        """Return the heads of one owner, newest first, or all heads after `after`, ordered by `sender_id`."""
        self._find("")
        heads = [found.head for found in self._conversations.values()]
        if owner is not None:
            own = [head for head in heads if head.owner == owner]
            return sorted(own, key=lambda head: (-head.updated, head.sender_id))[:limit]
        rest = [head for head in heads if after is None or head.sender_id > after]
        return sorted(rest, key=lambda head: head.sender_id)[:limit]

    async def changes(self, positions: Sequence[Position], *, limit: int) -> list[Change]:
        """See `ConversationStore.changes`."""
        changes = []
        for position in positions:
            found = self._find(position.sender_id)
            if found is None:
                changes.append(Change(position=position, head=None))
            elif found.head.epoch != position.epoch:
                changes.append(Change(position=position, head=found.head))
            elif found.head.version != position.version:
                entries = tuple(found.entries[position.version :][:limit])
                changes.append(Change(position=position, head=found.head, entries=entries))
        return changes

    async def unfinished(self, *, now: float, over: Collection[str] = (), limit: int = 100) -> Sequence[Head]:
        """See `ConversationStore.unfinished`."""
        heads = [one.head for one in self._open_turns()]
        free = [head for head in heads if head.lease is None or head.lease.until <= now or head.lease.owner in over]
        return sorted(free, key=lambda head: (head.updated, head.sender_id))[:limit]

    async def lease_owners(self) -> Collection[str | None]:
        """See `ConversationStore.lease_owners`."""
        return {owner_of(one.head.lease) for one in self._open_turns()}

    async def renew_leases(self, owner: str, *, for_s: float) -> float:
        """See `ConversationStore.renew_leases`."""
        now = time.time()
        for one in self._open_turns():
            if owner_of(one.head.lease) == owner:
                one.head = replace(one.head, lease=Lease(owner=owner, until=now + for_s))
        return now

    async def release_leases(self, owner: str) -> None:
        """See `ConversationStore.release_leases`."""
        for one in self._open_turns():
            if owner_of(one.head.lease) == owner:
                one.head = replace(one.head, lease=None)

    def _open_turns(self) -> list[_Conversation]:
        self._find("")
        return [one for one in self._conversations.values() if one.head.open_turn]

    async def handled(self, handler: Literal["queue", "human"], *, after: str = "", limit: int = 100) -> Sequence[Head]:
        """See `ConversationStore.handled`."""
        self._find("")
        heads = (found.head for found in self._conversations.values())
        found = [head for head in heads if head.handling.handler == handler and head.sender_id > after]
        return sorted(found, key=lambda head: head.sender_id)[:limit]

    async def due_reminders(self, *, now: float, limit: int = 100) -> Sequence[Reminder]:
        """See `ConversationStore.due_reminders`."""
        due = [reminder for reminder in self._reminders() if reminder.due <= now]
        return sorted(due, key=lambda reminder: (reminder.due, reminder.sender_id, reminder.name))[:limit]

    async def next_reminder(self) -> float | None:
        """See `ConversationStore.next_reminder`."""
        return min((reminder.due for reminder in self._reminders()), default=None)

    def _reminders(self) -> Iterable[Reminder]:
        self._find("")
        free = (found for found in self._conversations.values() if found.head.handling.handler == "bot")
        return (reminder for found in free for reminder in found.reminders.values())

    async def purge(self, *, older_than: float) -> int:
        """Remove conversations that were last changed before this time (seconds since the epoch)."""
        self._find("")
        old = [key for key, found in self._conversations.items() if found.head.updated < older_than]
        for sender_id in old:
            del self._conversations[sender_id]
            await self._forget(sender_id)
        return len(old)

    async def news(self, *, within_s: float) -> Collection[str] | None:
        """Wait until another process writes to the store, at most `within_s` seconds. No other process can write."""
        await asyncio.sleep(within_s)
        return ()

    async def get_meta(self, key: str) -> bytes | None:
        """Return a value that applies to the whole store, for example a generated secret."""
        self._find("")
        return self._meta.get(key)

    async def put_meta(self, key: str, value: bytes) -> bytes:
        """Store a value, unless the key already has a value. Return the stored value."""
        self._find("")
        return self._meta.setdefault(key, value)

    async def swap_meta(self, key: str, value: bytes, *, expected: bytes | None) -> bool:
        """Replace the value of a key if it equals `expected`. Return whether it was replaced."""
        self._find("")
        if self._meta.get(key) != expected:
            return False
        self._meta[key] = value
        return True

    async def report_server(self, name: str, *, ready: int, for_s: float) -> dict[str, int]:
        """See `SharedModels.report_server`."""
        self._find("")
        now = time.time()
        self._servers[name] = (now + for_s, ready)
        self._servers = {one: report for one, report in self._servers.items() if report[0] > now}
        return {one: report[1] for one, report in self._servers.items()}

    async def remove_server(self, name: str) -> None:
        """Remove the report of a server that is stopping."""
        self._find("")
        self._servers.pop(name, None)

    async def put_model_part(self, digest: str, number: int, data: bytes) -> None:
        """Store a part of a model file, unless the store contains it."""
        self._find("")
        self._model_parts.setdefault((digest, number), data)

    async def model_part(self, digest: str, number: int) -> bytes | None:
        """Return a part of a model file, or None if the store does not contain it."""
        self._find("")
        return self._model_parts.get((digest, number))

    async def keep_models(self, digests: Collection[str]) -> None:
        """Remove the parts of all other model files."""
        self._find("")
        self._model_parts = {key: data for key, data in self._model_parts.items() if key[0] in digests}

    async def check_writable(self) -> None:
        """Check that the store is open. Memory is always writable."""
        self._find("")

    async def revoke(self, revocation: Revocation) -> None:
        """Store a revocation. The revocation replaces an earlier one with the same kind and value."""
        self._find("")
        self._revocations[revocation.kind, revocation.value] = revocation

    async def revocations(self, *, since: float = 0.0) -> Sequence[Revocation]:
        """Return revocations made since `since` (seconds since the epoch), including lifted ones, oldest first."""
        self._find("")
        found = [one for one in self._revocations.values() if one.made >= since]
        return sorted(found, key=lambda one: (one.made, one.kind, one.value))

    async def begin_publishing(self) -> None:
        """Mark all events in the store as published. Only the first call on a store has an effect."""
        self._find("")
        if not self._publishing:
            self._publishing = True
            for head in [found.head for found in self._conversations.values() if found.head.version]:
                self._cursors[head.sender_id] = Cursor(sender_id=head.sender_id, epoch=head.epoch, seq=head.version)

    async def behind(self, *, after: str, limit: int) -> Behind:
        """Search the next `limit` conversations after `after`, ordered by `sender_id`."""
        self._find("")
        keys = sorted(key for key in {*self._conversations, *self._cursors} if key > after)[:limit]
        return Behind(
            found=tuple((key, found.lease if found else None) for key in keys for found in self._behind(key)),
            upto=keys[-1] if len(keys) == limit else None,
        )

    def _behind(self, sender_id: str) -> Iterable[Cursor | None]:
        """Yield the cursor, or None if the conversation has no cursor.

        Yield nothing if the cursor is at the end of the log.
        """
        cursor, found = self._cursors.get(sender_id), self._conversations.get(sender_id)
        head = found.head if found else None
        place = (cursor.epoch, cursor.seq) if cursor else None
        if place != ((head.epoch, head.version) if head and (cursor or head.version) else None):
            yield cursor

    async def claim(
        self, sender_ids: Sequence[str], lease: Lease, *, now: float, over: Collection[str] = ()
    ) -> list[Cursor]:
        """Acquire a lease on the cursors of conversations. Missing cursors are created."""
        claimed = []
        for sender_id in sender_ids:
            found = self._find(sender_id)
            cursor = self._cursors.get(sender_id)
            if cursor is None and found is not None and found.head.version:
                cursor = Cursor(sender_id=sender_id, epoch=found.head.epoch)
            if cursor is None:
                continue
            if cursor.lease is None or cursor.lease.until <= now or cursor.lease.owner in (lease.owner, *over):
                cursor = replace(cursor, lease=lease)
            self._cursors[sender_id] = cursor
            claimed.append(cursor)
        return claimed

    async def unpublished(self, cursors: Sequence[Cursor], *, limit: int) -> list[UnpublishedEvents]:
        """Return the events after each cursor, at most `limit` events each, from one consistent read."""
        return [self._unpublished(cursor, limit) for cursor in cursors]

    def _unpublished(self, cursor: Cursor, limit: int) -> UnpublishedEvents:
        found = self._find(cursor.sender_id)
        if found is None or found.head.epoch != cursor.epoch:
            return UnpublishedEvents(cursor=cursor, epoch=found.head.epoch if found else None)
        entries = found.entries[cursor.seq :][:limit]
        events = tuple((entry.seq, encode_event(entry.event)) for entry in entries)
        return UnpublishedEvents(cursor=cursor, epoch=cursor.epoch, events=events)

    async def move(self, cursors: Sequence[Cursor], gone: Sequence[str], *, owner: str) -> None:
        """Set cursors, remove the cursors of the conversations in `gone`, and release the leases on all of them."""
        self._find("")
        for cursor in cursors:
            if self._leased(cursor.sender_id, owner):
                self._cursors[cursor.sender_id] = replace(cursor, lease=None)
        for sender_id in gone:
            if self._leased(sender_id, owner):
                del self._cursors[sender_id]

    def _leased(self, sender_id: str, owner: str) -> bool:
        cursor = self._cursors.get(sender_id)
        return cursor is not None and cursor.lease is not None and cursor.lease.owner == owner


def _visible(entries: Iterable[LogEntry], limit: int) -> list[LogEntry]:
    return list(islice((entry for entry in entries if entry.view is not None), limit))

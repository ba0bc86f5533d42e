"""The default store, which is one SQLite file in the project's folder.

An append returns when its events are on disk. `sqlite/writer.py` does all writing, so the turns of many conversations
share a commit. Two threads read, each on a separate connection and in one transaction per call. So a head and its
entries are consistent, and every acknowledged commit is visible. Several processes can open one file, because each
append checks epoch and version while it has SQLite's write lock.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from manent.core.conversation_log import (
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
from manent.core.errors import StoreError
from manent.runtime.ports.store import Behind, Loaded, VersionConflict
from manent.stores.codec import check_append, current_json, row_to_entry
from manent.stores.failed_writes import FailedWrites
from manent.stores.files import FileTables, forget_conversation, prepare_replacement
from manent.stores.head_row import HEAD_COLUMNS, empty_head, head_of_row, lease_values
from manent.stores.operation import Operation, run_on_sqlite
from manent.stores.sqlite import published, shared_models
from manent.stores.sqlite.appends import AppendWork, append_to_new, append_work, insert_head
from manent.stores.sqlite.errors import store_error
from manent.stores.sqlite.file import connect, prepare_file
from manent.stores.sqlite.reminders import due_reminders, next_reminder
from manent.stores.sqlite.writer import Writer

T = TypeVar("T")

POLL_INTERVAL_S: Final = 0.1
"""Seconds between two checks for commits by other processes. A check takes about 50 µs."""

_PURGE_PAGE = 2_000
"""Number of conversations whose age retention reads at once, so that other reads do not wait for a large store."""

_PURGE_BATCH = 100
_READERS = 2
_ENTRY_COLUMNS = "seq, format, prev, divider, title, CAST(data AS BLOB)"
_EVENTS_OF = "FROM events WHERE conversation_id = (SELECT id FROM conversations WHERE sender_id = ?)"


class SqliteStore(FileTables):
    """Implements `ConversationStore` on one file.

    Args:
        path: the database file. The file is created if it does not exist.
        durability: with `disk`, a returned append survives a power failure. With `process`, it survives a crash of this
            process, but not a power failure.
        process_from: number of queued appends at which the store starts a separate process to commit them. The process
            takes 15 MB of memory and makes a busy server faster. None if a thread always commits.
        observe: called after each commit with its number of pieces of work and its duration in seconds. The function is
            called on any thread, but never concurrently.
    """

    def __init__(
        self,
        path: Path,
        *,
        durability: str = "disk",
        process_from: int | None = None,
        observe: Callable[[int, float], None] | None = None,
    ) -> None:
        self.path = path
        self._durability = durability
        self._process_from = process_from
        self._observe = observe
        self._writer: Writer | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._reading = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._foreign_commits = (0, 0, 0)
        self._failed_writes = FailedWrites(time.monotonic)

    async def open(self) -> None:
        """Open the file. Create the tables in a new file, or check the schema of an existing one.

        Raises:
            StoreError: `store_foreign_file`, `store_schema_old`, `store_schema_new`, `store_unreachable`, …
        """
        try:
            await asyncio.to_thread(prepare_file, self.path, durability=self._durability)
        except sqlite3.Error as error:
            raise store_error(error) from error
        except OSError as error:
            raise StoreError("store_unreachable", f"cannot open {self.path} ({error})") from error
        self._readers = ThreadPoolExecutor(_READERS, "manent-store-reader")
        self._writer = Writer(
            self.path, durability=self._durability, process_from=self._process_from, observe=self._observe
        )

    async def close(self) -> None:
        """Finish queued writes, then close all connections and files."""
        readers, self._readers = self._readers, None
        writer, self._writer = self._writer, None
        if readers is not None:
            await asyncio.to_thread(readers.shutdown)
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._reading = threading.local()
        if writer is not None:
            await writer.close()

    async def head(self, sender_id: str) -> Head | None:
        """Return the head, or None if the conversation does not exist."""
        return await self._read(lambda cursor: _head(cursor, sender_id))

    async def create(self, head: Head) -> Head:
        """Create an empty conversation (`version` 0) durably. If the conversation exists, return its head unchanged."""
        return await self._write(lambda cursor: _create(cursor, head))

    async def append(self, append: Append) -> None:
        """Append to a log, atomically and durably."""
        check_append(append)
        try:
            await self._writing().submit(append_work(append))
        except StoreError as error:
            self._failed_writes.note(error)
            raise
        self._failed_writes.note_success()

    async def load(self, sender_id: str, *, before: int | None = None) -> Loaded | None:
        """Return the newest snapshot (with a version below `before`, if given) and all entries after it."""
        return await self._read(lambda cursor: _load(cursor, sender_id, before))

    async def page(self, sender_id: str, *, limit: int, before: int | None = None) -> Page | None:
        """Return the newest `limit` visible entries (with a `seq` below `before`, if given), in log order."""
        return await self._read(lambda cursor: _page(cursor, sender_id, before, limit))

    async def after(self, sender_id: str, seq: int, *, limit: int) -> Page | None:
        """Return the first `limit` visible entries after `seq`."""
        return await self._read(lambda cursor: _after(cursor, sender_id, seq, limit))

    async def entries(self, sender_id: str, *, after: int = 0, limit: int | None = None) -> list[LogEntry]:
        """Return all entries after `after`, visible or not, oldest first."""
        return await self._read(lambda cursor: _entries(cursor, sender_id, after, limit))

    async def tail(self, sender_id: str, *, after: int, limit: int) -> list[bytes]:
        """Return the newest `limit` events after `after` as JSON, oldest first. Action servers receive them."""
        return await self._read(lambda cursor: _tail(cursor, sender_id, after, limit))

    async def erase(self, sender_id: str, *, new_epoch: str | None) -> bool:
        """Remove all of the conversation's data and return whether it existed.

        This also overwrites its bytes in the file and the write-ahead log.
        """
        found = await self._write(lambda cursor: _erase(cursor, sender_id, new_epoch))
        await self._writing().scrub()
        return found

    async def replace(self, append: Append, *, expected_epoch: str, expected_version: int) -> None:
        """See `ConversationStore.replace`. The bytes of the old log are overwritten, as in `erase`."""
        check_append(append)
        work = append_work(append)
        await self._write(lambda cursor: _replace(cursor, work, (expected_epoch, expected_version)))
        await self._writing().scrub()

    async def conversations(
        self, *, owner: str | None = None, after: str | None = None, limit: int = 100
    ) -> Sequence[Head]:
        """Return the heads of one owner, newest first, or all heads after `after`, ordered by `sender_id`."""
        if owner is not None:
            where, arguments = "owner = ? ORDER BY updated DESC, sender_id LIMIT ?", (owner, limit)
        else:
            where, arguments = "sender_id > ? ORDER BY sender_id LIMIT ?", (after or "", limit)
        return await self._read(lambda cursor: _heads(cursor, where, arguments))

    async def changes(self, positions: Sequence[Position], *, limit: int) -> list[Change]:
        """See `ConversationStore.changes`."""
        return await self._read(lambda cursor: _changes(cursor, positions, limit))

    async def unfinished(self, *, now: float, over: Collection[str] = (), limit: int = 100) -> Sequence[Head]:
        """See `ConversationStore.unfinished`."""
        where = (
            "open_turn AND (lease_until IS NULL OR lease_until <= ? OR lease_owner IN (SELECT value FROM json_each(?)))"
            " ORDER BY updated, sender_id LIMIT ?"
        )
        names = msgspec.json.encode(list(over)).decode()
        return await self._read(lambda cursor: _heads(cursor, where, (now, names, limit)))

    async def lease_owners(self) -> Collection[str | None]:
        """See `ConversationStore.lease_owners`."""
        return await self._read(_lease_owners)

    async def renew_leases(self, owner: str, *, for_s: float) -> float:
        """See `ConversationStore.renew_leases`. If the owner has no leases, nothing is written."""
        if owner in await self.lease_owners():
            await self._write(lambda cursor: _set_leases(cursor, owner, Lease(owner=owner, until=time.time() + for_s)))
        return time.time()

    async def release_leases(self, owner: str) -> None:
        """See `ConversationStore.release_leases`. If the owner has no leases, nothing is written."""
        if owner in await self.lease_owners():
            await self._write(lambda cursor: _set_leases(cursor, owner, None))

    async def handled(self, handler: Literal["queue", "human"], *, after: str = "", limit: int = 100) -> Sequence[Head]:
        """See `ConversationStore.handled`."""
        where = "handler = ? AND sender_id > ? ORDER BY sender_id LIMIT ?"
        return await self._read(lambda cursor: _heads(cursor, where, (handler, after, limit)))

    async def due_reminders(self, *, now: float, limit: int = 100) -> Sequence[Reminder]:
        """See `ConversationStore.due_reminders`."""
        return await self._read(lambda cursor: due_reminders(cursor, now, limit))

    async def next_reminder(self) -> float | None:
        """See `ConversationStore.next_reminder`."""
        return await self._read(next_reminder)

    async def purge(self, *, older_than: float) -> int:
        """Remove conversations that were last changed before this time (seconds since the epoch).

        The store reads and deletes in steps, so that other reads and writes can run between two steps.
        """
        total, after = 0, ""
        while page := await self._read(partial(_ages, after=after)):
            after = page[-1][0]
            old = [sender_id for sender_id, updated in page if updated < older_than]
            for start in range(0, len(old), _PURGE_BATCH):
                batch = old[start : start + _PURGE_BATCH]
                total += await self._write(partial(_purge, sender_ids=batch, older_than=older_than))
        if total:
            await self._writing().scrub()
        return total

    async def news(self, *, within_s: float) -> tuple[str, ...] | None:
        """Wait until another process writes to the store, at most `within_s` seconds.

        SQLite reports that another process has written, but not to which conversation.
        """
        until = time.monotonic() + within_s
        while (commits := await self._writing().count_foreign_commits()) == self._foreign_commits:
            if time.monotonic() >= until:
                return ()
            await asyncio.sleep(POLL_INTERVAL_S)
        self._foreign_commits = commits
        return None

    async def get_meta(self, key: str) -> bytes | None:
        """Return a value that applies to the whole store, for example a generated secret."""
        return await self._read(lambda cursor: _meta(cursor, key))

    async def put_meta(self, key: str, value: bytes) -> bytes:
        """Store a value, unless the key already has a value. Return the stored value."""
        return await self._write(lambda cursor: _put_meta(cursor, key, value))

    async def swap_meta(self, key: str, value: bytes, *, expected: bytes | None) -> bool:
        """Replace the value of a key if it equals `expected`. Return whether it was replaced."""
        return await self._write(lambda cursor: shared_models.swap_meta(cursor, key, value, expected))

    async def report_server(self, name: str, *, ready: int, for_s: float) -> dict[str, int]:
        """See `SharedModels.report_server`."""
        return await self._write(lambda cursor: shared_models.report_server(cursor, name, ready, for_s))

    async def remove_server(self, name: str) -> None:
        """Remove the report of a server that is stopping."""
        await self._write(lambda cursor: shared_models.remove_server(cursor, name))

    async def put_model_part(self, digest: str, number: int, data: bytes) -> None:
        """Store a part of a model file, unless the store contains it."""
        await self._write(lambda cursor: shared_models.put_model_part(cursor, digest, number, data))

    async def model_part(self, digest: str, number: int) -> bytes | None:
        """Return a part of a model file, or None if the store does not contain it."""
        return await self._read(lambda cursor: shared_models.model_part(cursor, digest, number))

    async def keep_models(self, digests: Collection[str]) -> None:
        """Remove the parts of all other model files."""
        await self._write(lambda cursor: shared_models.keep_models(cursor, digests))

    async def check_writable(self) -> None:
        """Write a test row durably, to check the store."""
        self._failed_writes.check()
        await self._write(_write_health)

    async def revoke(self, revocation: Revocation) -> None:
        """Store a revocation. The revocation replaces an earlier one with the same kind and value."""
        await self._write(lambda cursor: _revoke(cursor, revocation))

    async def revocations(self, *, since: float = 0.0) -> Sequence[Revocation]:
        """Return revocations made since `since` (seconds since the epoch), including lifted ones, oldest first."""
        return await self._read(lambda cursor: _revocations(cursor, since))

    async def begin_publishing(self) -> None:
        """Mark all events in the store as published. Only the first call on a store has an effect."""
        await self._write(published.begin_publishing)

    async def behind(self, *, after: str, limit: int) -> Behind:
        """Search the next `limit` conversations after `after`, ordered by `sender_id`."""
        return await self._read(lambda cursor: published.behind(cursor, after, limit))

    async def claim(
        self, sender_ids: Sequence[str], lease: Lease, *, now: float, over: Collection[str] = ()
    ) -> list[Cursor]:
        """Acquire a lease on the cursors of conversations. Missing cursors are created."""
        return await self._write(lambda cursor: published.claim(cursor, sender_ids, lease, now, over))

    async def unpublished(self, cursors: Sequence[Cursor], *, limit: int) -> list[UnpublishedEvents]:
        """Return the events after each cursor, at most `limit` events each, from one consistent read."""
        return await self._read(lambda cursor: published.unpublished(cursor, cursors, limit))

    async def move(self, cursors: Sequence[Cursor], gone: Sequence[str], *, owner: str) -> None:
        """Set cursors, remove the cursors of the conversations in `gone`, and release the leases on all of them."""
        await self._write(lambda cursor: published.move(cursor, cursors, gone, owner))

    async def run_operation(self, operation: Operation[T], *, is_read: bool = False, is_alone: bool = False) -> T:
        """See `PostboxTables.run_operation`. SQLite runs one write at a time."""
        del is_alone
        return await (self._read if is_read else self._write)(lambda cursor: run_on_sqlite(cursor, operation))

    def _writing(self) -> Writer:
        if self._writer is None:
            raise StoreError("store_closed", "the store is closed")
        return self._writer

    async def _write(self, work: Callable[[sqlite3.Cursor], T]) -> T:
        answer: T = await self._writing().submit(work)
        return answer

    async def _read(self, work: Callable[[sqlite3.Cursor], T]) -> T:
        if self._readers is None:
            raise StoreError("store_closed", "the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read_in_thread, work)

    def _read_in_thread(self, work: Callable[[sqlite3.Cursor], T]) -> T:
        """Run a read on this thread's connection, in one transaction."""
        try:
            connection: sqlite3.Connection | None = getattr(self._reading, "connection", None)
            if connection is None:
                connection = connect(self.path, durability=self._durability, read_only=True)
                self._reading.connection = connection
                self._connections.append(connection)
            cursor = connection.cursor()
            cursor.execute("BEGIN")
            try:
                return work(cursor)
            finally:
                cursor.execute("ROLLBACK")
        except (sqlite3.Error, UnicodeError) as error:
            raise store_error(error) from error


def _head(cursor: sqlite3.Cursor, sender_id: str) -> Head | None:
    row = cursor.execute(f"SELECT {HEAD_COLUMNS} FROM conversations WHERE sender_id = ?", (sender_id,)).fetchone()
    return row and head_of_row(row)


def _heads(cursor: sqlite3.Cursor, where: str, arguments: tuple[Any, ...]) -> list[Head]:
    found = cursor.execute(f"SELECT {HEAD_COLUMNS} FROM conversations WHERE {where}", arguments)
    return [head_of_row(row) for row in found.fetchall()]


def _lease_owners(cursor: sqlite3.Cursor) -> list[str | None]:
    return [owner for (owner,) in cursor.execute("SELECT DISTINCT lease_owner FROM conversations WHERE open_turn")]


def _set_leases(cursor: sqlite3.Cursor, owner: str, lease: Lease | None) -> None:
    cursor.execute(
        "UPDATE conversations SET lease_owner = ?, lease_until = ? WHERE open_turn AND lease_owner = ?",
        (*lease_values(lease), owner),
    )


def _changes(cursor: sqlite3.Cursor, positions: Sequence[Position], limit: int) -> list[Change]:
    asked = msgspec.json.encode([(one.sender_id, one.epoch, one.version) for one in positions]).decode()
    found = cursor.execute(
        """
        SELECT asked.key FROM json_each(?) AS asked
        LEFT JOIN conversations ON sender_id = json_extract(asked.value, '$[0]')
        WHERE conversations.id IS NULL OR epoch <> json_extract(asked.value, '$[1]')
            OR version <> json_extract(asked.value, '$[2]')
        """,
        (asked,),
    )
    changes = []
    for (number,) in found.fetchall():
        position = positions[number]
        head = _head(cursor, position.sender_id)
        is_same_log = head is not None and head.epoch == position.epoch
        entries = _entries(cursor, position.sender_id, position.version, limit) if is_same_log else ()
        changes.append(Change(position=position, head=head, entries=tuple(entries)))
    return changes


def _create(cursor: sqlite3.Cursor, head: Head) -> Head:
    existing = _head(cursor, head.sender_id)
    if existing is None:
        insert_head(cursor, head)
    return existing or head


def _load(cursor: sqlite3.Cursor, sender_id: str, before: int | None) -> Loaded | None:
    head = _head(cursor, sender_id)
    if head is None:
        return None
    row = cursor.execute(
        "SELECT version, data FROM snapshots WHERE conversation_id = (SELECT id FROM conversations WHERE sender_id = ?)"
        " AND version < ? ORDER BY version DESC LIMIT 1",
        (sender_id, head.version + 1 if before is None else before),
    ).fetchone()
    snapshot = row and Snapshot(version=row[0], data=row[1])
    entries = _entries(cursor, sender_id, snapshot.version if snapshot else 0, None)
    return Loaded(head=head, snapshot=snapshot, entries=tuple(entries))


def _page(cursor: sqlite3.Cursor, sender_id: str, before: int | None, limit: int) -> Page | None:
    head = _head(cursor, sender_id)
    if head is None:
        return None
    found = cursor.execute(
        f"SELECT {_ENTRY_COLUMNS} {_EVENTS_OF} AND seq < ? AND prev IS NOT NULL ORDER BY seq DESC LIMIT ?",
        (sender_id, head.version + 1 if before is None else before, limit + 1),
    ).fetchall()
    entries = tuple(row_to_entry(row) for row in reversed(found[:limit]))
    return Page(head=head, entries=entries, has_more=len(found) > limit)


def _after(cursor: sqlite3.Cursor, sender_id: str, seq: int, limit: int) -> Page | None:
    head = _head(cursor, sender_id)
    if head is None:
        return None
    found = cursor.execute(
        f"SELECT {_ENTRY_COLUMNS} {_EVENTS_OF} AND seq > ? AND prev IS NOT NULL ORDER BY seq LIMIT ?",
        (sender_id, seq, limit + 1),
    ).fetchall()
    entries = tuple(row_to_entry(row) for row in found[:limit])
    return Page(head=head, entries=entries, has_more=len(found) > limit)


def _entries(cursor: sqlite3.Cursor, sender_id: str, after: int, limit: int | None) -> list[LogEntry]:
    found = cursor.execute(
        f"SELECT {_ENTRY_COLUMNS} {_EVENTS_OF} AND seq > ? ORDER BY seq LIMIT ?",
        (sender_id, after, -1 if limit is None else limit),
    )
    return [row_to_entry(row) for row in found.fetchall()]


def _tail(cursor: sqlite3.Cursor, sender_id: str, after: int, limit: int) -> list[bytes]:
    found = cursor.execute(
        f"SELECT format, CAST(data AS BLOB) {_EVENTS_OF} AND seq > ? ORDER BY seq DESC LIMIT ?",
        (sender_id, after, limit),
    )
    return [current_json(data, written_as) for written_as, data in reversed(found.fetchall())]


def _delete(cursor: sqlite3.Cursor, sender_id: str) -> None:
    """Delete a conversation and all its data."""
    for table in ("events", "accepted", "snapshots", "reminders"):
        cursor.execute(
            f"DELETE FROM {table} WHERE conversation_id = (SELECT id FROM conversations WHERE sender_id = ?)",
            (sender_id,),
        )
    cursor.execute("DELETE FROM conversations WHERE sender_id = ?", (sender_id,))


def _erase(cursor: sqlite3.Cursor, sender_id: str, new_epoch: str | None) -> bool:
    head = _head(cursor, sender_id)
    _delete(cursor, sender_id)
    run_on_sqlite(cursor, forget_conversation(sender_id, time.time()))
    if new_epoch is not None:
        insert_head(cursor, empty_head(sender_id, new_epoch, owner=head.owner if head else None))
    return head is not None


def _replace(cursor: sqlite3.Cursor, work: AppendWork, expected: tuple[str, int]) -> None:
    head = _head(cursor, work.append.head.sender_id)
    if head is None or (head.epoch, head.version) != expected:
        raise VersionConflict(work.append.head.sender_id)
    run_on_sqlite(cursor, prepare_replacement(work.append.head))
    _delete(cursor, head.sender_id)
    append_to_new(cursor, work)


def _ages(cursor: sqlite3.Cursor, after: str) -> list[tuple[str, float]]:
    statement = "SELECT sender_id, updated FROM conversations WHERE sender_id > ? ORDER BY sender_id LIMIT ?"
    return cursor.execute(statement, (after, _PURGE_PAGE)).fetchall()


def _purge(cursor: sqlite3.Cursor, sender_ids: Sequence[str], older_than: float) -> int:
    found = cursor.execute(
        "SELECT sender_id FROM conversations WHERE updated < ? AND sender_id IN (SELECT value FROM json_each(?))",
        (older_than, msgspec.json.encode(sender_ids).decode()),
    ).fetchall()
    for (sender_id,) in found:
        _delete(cursor, sender_id)
        run_on_sqlite(cursor, forget_conversation(sender_id, time.time()))
    return len(found)


def _meta(cursor: sqlite3.Cursor, key: str) -> bytes | None:
    row: tuple[bytes] | None = cursor.execute("SELECT value FROM meta WHERE name = ?", (key,)).fetchone()
    return row and row[0]


def _put_meta(cursor: sqlite3.Cursor, key: str, value: bytes) -> bytes:
    cursor.execute("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", (key, value))
    return _meta(cursor, key) or value


def _write_health(cursor: sqlite3.Cursor) -> None:
    cursor.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('health', ?)", (str(time.time()).encode(),))


def _revoke(cursor: sqlite3.Cursor, made: Revocation) -> None:
    cursor.execute(
        "INSERT OR REPLACE INTO revocations (kind, value, issued_before, lifted, made) VALUES (?, ?, ?, ?, ?)",
        (made.kind, made.value, made.before, made.lifted, made.made),
    )


def _revocations(cursor: sqlite3.Cursor, since: float) -> list[Revocation]:
    found = cursor.execute(
        "SELECT kind, value, issued_before, lifted, made FROM revocations WHERE made >= ? ORDER BY made, kind, value",
        (since,),
    ).fetchall()
    return [
        Revocation(kind=kind, value=value, before=before, lifted=bool(lifted), made=made)
        for kind, value, before, lifted, made in found
    ]

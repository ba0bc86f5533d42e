"""The store for several servers, on PostgreSQL with asyncpg.

An append is one statement, with one round trip and one transaction. The statement writes only if the head has the
expected epoch, version and lease. PostgreSQL flushes concurrent transactions to disk in one operation. All tables are
in a separate schema, so the database can also contain a Rasa tracker store.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Literal, TypeVar
from weakref import WeakValueDictionary

import asyncpg

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
from manent.core.errors import InternalError, StoreError
from manent.runtime.metrics import Metrics
from manent.runtime.ports.store import Behind, DuplicateMessage, Loaded, VersionConflict
from manent.stores.codec import check_append, current_json, entry_to_row, row_to_entry
from manent.stores.failed_writes import FailedWrites
from manent.stores.files import FileTables, forget_conversation, prepare_replacement
from manent.stores.head_row import empty_head, head_of_row, head_values, owner_of
from manent.stores.operation import Operation
from manent.stores.postgresql import published, sql
from manent.stores.postgresql.append_batches import AppendBatches
from manent.stores.postgresql.connection import UPGRADE_TIMEOUT_S, Connection, connect, session_settings
from manent.stores.postgresql.errors import place_of, translated
from manent.stores.postgresql.notifications import ServerNotifications
from manent.stores.postgresql.options import DEFAULTS, PostgresqlOptions
from manent.stores.postgresql.pool import Pool
from manent.stores.postgresql.reminders import change_reminders, decode_reminder
from manent.stores.postgresql.schema import SCHEMA, prepare_database
from manent.stores.thinning import superfluous

log = logging.getLogger("manent.store")

POLL_INTERVAL_S: Final = 0.25
"""Seconds between two comparisons of conversations with the store if a pooler prevents notifications."""

_PURGE_PAGE: Final = 2_000
"""Number of conversations whose age retention reads at once, so that no statement reads a large table."""

_PURGE_BATCH: Final = 100

T = TypeVar("T")

_LONG_STATEMENT: Final = f"SET LOCAL statement_timeout = {int(UPGRADE_TIMEOUT_S * 1000)}"
_HEAD_COLUMN_COUNT: Final = 15


class PostgresqlStore(FileTables):
    """Implements `ConversationStore` on a PostgreSQL database.

    Args:
        dsn: a libpq URL (`postgresql://user:password@host:port/database?options`).
        durability: with `disk`, an append returns after PostgreSQL has flushed it. With `process`, a crash of
            PostgreSQL can lose the newest appends (`synchronous_commit = off`).
        schema: PostgreSQL schema with the tables.
        options: number of connections, and timeouts.
        observe: called after each append with the number 1 and the duration in seconds.
        metrics: counts failures of the connection for notifications.
    """

    database = "postgresql"
    names_in = "(SELECT jsonb_array_elements_text({}::jsonb))"

    def __init__(
        self,
        dsn: str,
        *,
        durability: str = "disk",
        schema: str = SCHEMA,
        options: PostgresqlOptions = DEFAULTS,
        observe: Callable[[int, float], None] | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._dsn = dsn
        self._schema = schema
        self._settings = session_settings(schema, durability, options)
        self._options = options
        self._observe = observe
        self._metrics = metrics
        self._pool: Pool | None = None
        self._batches: AppendBatches | None = None
        self._notifications: ServerNotifications | None = None
        self._failed_writes = FailedWrites(time.monotonic)
        self._in_use = 0
        self._idle = asyncio.Event()
        self._writing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def open(self) -> None:
        """Connect. Create the tables in a new database, or check the schema of an existing one.

        Raises:
            StoreError: `store_unreachable`, `store_schema_old`, `store_schema_new`, …
        """
        with translated(where=place_of(self._dsn)):
            behind_pooler = await prepare_database(self._dsn, self._schema, self._options)
        self._pool = self._pool_behind_pooler() if behind_pooler else self._direct_pool()
        self._batches = AppendBatches(self._pool)
        if not behind_pooler:
            self._notifications = ServerNotifications(
                self._dsn, self._schema, self._options, on_silence=self._pool.end_silence, metrics=self._metrics
            )

    def _direct_pool(self) -> Pool:
        return Pool(
            lambda: connect(self._dsn, self._options, settings=self._settings),
            size=self._options.pool_size,
            wait_s=self._options.statement_timeout,
            metrics=self._metrics,
        )

    def _pool_behind_pooler(self) -> Pool:
        """Return a pool for use with a pooler.

        Its sessions have no state, because a pooler can run each transaction in a different session.
        """
        log.info("a pooler is between this server and PostgreSQL; changes of other servers are polled")
        return Pool(
            lambda: connect(self._dsn, self._options, prepare=False),
            size=self._options.pool_size,
            wait_s=self._options.statement_timeout,
            settings="; ".join(f"SET LOCAL {name} = '{value}'" for name, value in self._settings.items()),
            metrics=self._metrics,
        )

    async def close(self) -> None:
        """Finish queued writes, then close all connections and files."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        while self._in_use:
            self._idle.clear()
            await self._idle.wait()
        if self._batches is not None:
            await self._batches.close()
        notifications, self._notifications = self._notifications, None
        if notifications is not None:
            await notifications.close()
        await pool.close()

    async def head(self, sender_id: str) -> Head | None:
        """Return the head, or None if the conversation does not exist."""
        async with self._connection() as connection:
            return await _head(connection, sender_id)

    async def changes(self, positions: Sequence[Position], *, limit: int) -> list[Change]:
        """See `ConversationStore.changes`."""
        async with self._connection() as connection:
            found = await connection.fetch(
                sql.CHANGES,
                [one.sender_id for one in positions],
                [one.epoch for one in positions],
                [one.version for one in positions],
                limit,
            )
        changes = []
        for number, *columns in found:
            position = positions[number - 1]
            if columns[0] is None:
                changes.append(Change(position=position, head=None))
            else:
                head, _, entries = _head_and_entries(columns)
                changes.append(Change(position=position, head=head, entries=tuple(entries)))
        return changes

    async def create(self, head: Head) -> Head:
        """Create an empty conversation (`version` 0) durably. If the conversation exists, return its head unchanged."""
        async with self._connection() as connection:
            while True:
                if await connection.fetchval(sql.INSERT_HEAD, *head_values(head)) is not None:
                    return head
                existing = await _head(connection, head.sender_id)
                if existing is not None:  # None if the conversation was erased between the two statements
                    return existing

    async def append(self, append: Append) -> None:
        """Append to a log, atomically and durably."""
        check_append(append)
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await self._write_append(append)
        except StoreError as error:
            self._failed_writes.note(error)
            raise
        self._failed_writes.note_success()
        self._notify(append.head.sender_id)
        if self._observe is not None:
            self._observe(1, loop.time() - started)

    async def _write_append(self, append: Append) -> None:
        can_share = append.expected_version and not append.reminders and append.snapshot is None
        with self._lend_pool() as pool:
            async with self._append_lock(append.head.sender_id):
                if can_share and self._batches is not None and await self._batches.write(append):
                    return
                try:
                    async with pool.transaction() if append.reminders else pool.statement() as connection:
                        await _append(connection, append)
                except asyncpg.UniqueViolationError as error:
                    async with pool.statement() as connection:
                        raise await _unique_violation(connection, append) from error

    async def load(self, sender_id: str, *, before: int | None = None) -> Loaded | None:
        """Return the newest snapshot (with a version below `before`, if given) and all entries after it."""
        async with self._connection() as connection:
            row = await connection.fetchrow(sql.LOAD, sender_id, before)
        if row is None:
            return None
        head, snapshot, entries = _head_and_entries(row)
        return Loaded(head=head, snapshot=snapshot, entries=tuple(entries))

    async def page(self, sender_id: str, *, limit: int, before: int | None = None) -> Page | None:
        """Return the newest `limit` visible entries (with a `seq` below `before`, if given), in log order."""
        async with self._connection() as connection:
            row = await connection.fetchrow(sql.VISIBLE_BEFORE, sender_id, before, limit + 1)
        if row is None:
            return None
        head, _, entries = _head_and_entries(row)
        return Page(head=head, entries=tuple(reversed(entries[:limit])), has_more=len(entries) > limit)

    async def after(self, sender_id: str, seq: int, *, limit: int) -> Page | None:
        """Return the first `limit` visible entries after `seq`."""
        async with self._connection() as connection:
            row = await connection.fetchrow(sql.VISIBLE_AFTER, sender_id, seq, limit + 1)
        if row is None:
            return None
        head, _, entries = _head_and_entries(row)
        return Page(head=head, entries=tuple(entries[:limit]), has_more=len(entries) > limit)

    async def entries(self, sender_id: str, *, after: int = 0, limit: int | None = None) -> list[LogEntry]:
        """Return all entries after `after`, visible or not, oldest first."""
        async with self._connection() as connection:
            return await _entries(connection, sender_id, after, limit)

    async def tail(self, sender_id: str, *, after: int, limit: int) -> list[bytes]:
        """Return the newest `limit` events after `after` as JSON, oldest first. Action servers receive them."""
        async with self._connection() as connection:
            found = await connection.fetch(sql.TAIL, sender_id, after, limit)
        return [current_json(data.encode(), written_as) for written_as, data in reversed(found)]

    async def erase(self, sender_id: str, *, new_epoch: str | None) -> bool:
        """Remove all of the conversation's data and return whether it existed.

        PostgreSQL's next vacuum frees the space.
        """
        async with self._transaction() as connection:
            await connection.execute(_LONG_STATEMENT)
            head = await _locked_head(connection, sender_id)
            if head is not None:
                await connection.execute(sql.DELETE, [sender_id], timeout=UPGRADE_TIMEOUT_S)
            await _run_operation(connection, forget_conversation(sender_id, time.time()))
            if new_epoch is not None:
                fresh = empty_head(sender_id, new_epoch, owner=head.owner if head else None)
                await connection.execute(sql.INSERT_HEAD, *head_values(fresh))
        self._notify(sender_id)
        return head is not None

    async def replace(self, append: Append, *, expected_epoch: str, expected_version: int) -> None:
        """See `ConversationStore.replace`."""
        check_append(append)
        sender_id = append.head.sender_id
        async with self._transaction() as connection:
            await connection.execute(_LONG_STATEMENT)
            head = await _locked_head(connection, sender_id)
            if head is None or (head.epoch, head.version) != (expected_epoch, expected_version):
                raise VersionConflict(sender_id)
            await _run_operation(connection, prepare_replacement(append.head))
            await connection.execute(sql.DELETE, [sender_id], timeout=UPGRADE_TIMEOUT_S)
            await _append(connection, append)
        self._notify(sender_id)

    async def conversations(
        self, *, owner: str | None = None, after: str | None = None, limit: int = 100
    ) -> Sequence[Head]:
        """Return the heads of one owner, newest first, or all heads after `after`, ordered by `sender_id`."""
        async with self._connection() as connection:
            if owner is not None:
                found = await connection.fetch(sql.HEADS_OF_OWNER, owner, limit)
            else:
                found = await connection.fetch(sql.HEADS_AFTER, after or "", limit)
        return [head_of_row(tuple(row)) for row in found]

    async def unfinished(self, *, now: float, over: Collection[str] = (), limit: int = 100) -> Sequence[Head]:
        """See `ConversationStore.unfinished`."""
        async with self._connection() as connection:
            found = await connection.fetch(sql.UNFINISHED, now, list(over), limit)
        return [head_of_row(tuple(row)) for row in found]

    async def lease_owners(self) -> Collection[str | None]:
        """See `ConversationStore.lease_owners`."""
        async with self._connection() as connection:
            return [row[0] for row in await connection.fetch(sql.LEASE_OWNERS)]

    async def renew_leases(self, owner: str, *, for_s: float) -> float:
        """See `ConversationStore.renew_leases`. One statement extends all leases."""
        async with self._connection() as connection:
            now: float = await connection.fetchval(sql.RENEW_LEASES, owner, for_s)
            return now

    async def release_leases(self, owner: str) -> None:
        """See `ConversationStore.release_leases`."""
        async with self._connection() as connection:
            await connection.execute(sql.RELEASE_LEASES, owner)

    async def handled(self, handler: Literal["queue", "human"], *, after: str = "", limit: int = 100) -> Sequence[Head]:
        """See `ConversationStore.handled`."""
        async with self._connection() as connection:
            found = await connection.fetch(sql.HANDLED, handler, after, limit)
        return [head_of_row(tuple(row)) for row in found]

    async def due_reminders(self, *, now: float, limit: int = 100) -> Sequence[Reminder]:
        """See `ConversationStore.due_reminders`."""
        async with self._connection() as connection:
            return [decode_reminder(row[0]) for row in await connection.fetch(sql.DUE_REMINDERS, now, limit)]

    async def next_reminder(self) -> float | None:
        """See `ConversationStore.next_reminder`."""
        async with self._connection() as connection:
            due: float | None = await connection.fetchval(sql.NEXT_REMINDER)
            return due

    async def purge(self, *, older_than: float) -> int:
        """Remove conversations that were last changed before this time (seconds since the epoch).

        The store reads and deletes in steps, so that other writes can run between two steps.
        """
        total, after = 0, ""
        while page := await self._ages(after):
            after = page[-1][0]
            old = [sender_id for sender_id, updated in page if updated < older_than]
            for start in range(0, len(old), _PURGE_BATCH):
                total += await self._purge(old[start : start + _PURGE_BATCH], older_than)
        return total

    async def _ages(self, after: str) -> list[tuple[str, float]]:
        async with self._connection() as connection:
            return [tuple(row) for row in await connection.fetch(sql.AGES, after, _PURGE_PAGE)]

    async def _purge(self, sender_ids: Sequence[str], older_than: float) -> int:
        async with self._transaction() as connection:
            await connection.execute(_LONG_STATEMENT)
            old = await connection.fetch(sql.OLD_SENDERS, sender_ids, older_than)
            await connection.execute(sql.DELETE, [row[0] for row in old], timeout=UPGRADE_TIMEOUT_S)
            for (sender_id,) in old:
                await _run_operation(connection, forget_conversation(sender_id, time.time()))
        return len(old)

    async def news(self, *, within_s: float) -> frozenset[str] | None:
        """Wait until another process writes to the store, at most `within_s` seconds."""
        if self._pool is None:
            raise StoreError("store_closed", "the store is closed")
        if self._notifications is not None:
            return await self._notifications.wait(within_s=within_s)
        await asyncio.sleep(min(within_s, POLL_INTERVAL_S))
        return None

    def _notify(self, sender_id: str) -> None:
        """Notify the other servers that a conversation has changed. "" means that any conversation may have changed."""
        if self._notifications is not None:
            self._notifications.notify(sender_id)

    async def get_meta(self, key: str) -> bytes | None:
        """Return a value that applies to the whole store, for example a generated secret."""
        async with self._connection() as connection:
            value: bytes | None = await connection.fetchval(sql.META, key)
            return value

    async def put_meta(self, key: str, value: bytes) -> bytes:
        """Store a value, unless the key already has a value. Return the stored value."""
        async with self._connection() as connection:
            await connection.execute(sql.PUT_META, key, value)
            kept: bytes = await connection.fetchval(sql.META, key)
            return kept

    async def swap_meta(self, key: str, value: bytes, *, expected: bytes | None) -> bool:
        """Replace the value of a key if it equals `expected`. Return whether it was replaced."""
        async with self._connection() as connection:
            if expected is None:
                return await connection.fetchval(sql.PUT_NEW_META, key, value) is not None
            return await connection.fetchval(sql.SWAP_META, key, value, expected) is not None

    async def report_server(self, name: str, *, ready: int, for_s: float) -> dict[str, int]:
        """See `SharedModels.report_server`."""
        async with self._connection() as connection:
            return dict(await connection.fetch(sql.REPORT_SERVER, name, ready, for_s))

    async def remove_server(self, name: str) -> None:
        """Remove the report of a server that is stopping."""
        async with self._connection() as connection:
            await connection.execute(sql.REMOVE_SERVER, name)

    async def put_model_part(self, digest: str, number: int, data: bytes) -> None:
        """Store a part of a model file, unless the store contains it."""
        async with self._connection() as connection:
            await connection.execute(sql.PUT_MODEL_PART, digest, number, data)

    async def model_part(self, digest: str, number: int) -> bytes | None:
        """Return a part of a model file, or None if the store does not contain it."""
        async with self._connection() as connection:
            data: bytes | None = await connection.fetchval(sql.MODEL_PART, digest, number)
            return data

    async def keep_models(self, digests: Collection[str]) -> None:
        """Remove the parts of all other model files."""
        async with self._connection() as connection:
            await connection.execute(sql.KEEP_MODELS, list(digests))

    async def check_writable(self) -> None:
        """Write a test row durably, to check the store."""
        self._failed_writes.check()
        async with self._connection() as connection:
            await connection.execute(sql.WRITE_HEALTH, str(time.time()).encode())

    async def revoke(self, revocation: Revocation) -> None:
        """Store a revocation. The revocation replaces an earlier one with the same kind and value."""
        one = revocation
        async with self._connection() as connection:
            await connection.execute(sql.REVOKE, one.kind, one.value, one.before, one.lifted, one.made)
        self._notify("")

    async def revocations(self, *, since: float = 0.0) -> Sequence[Revocation]:
        """Return revocations made since `since` (seconds since the epoch), including lifted ones, oldest first."""
        async with self._connection() as connection:
            found = await connection.fetch(sql.REVOCATIONS, since)
        return [
            Revocation(kind=kind, value=value, before=before, lifted=lifted, made=made)
            for kind, value, before, lifted, made in found
        ]

    async def begin_publishing(self) -> None:
        """Mark all events in the store as published. Only the first call on a store has an effect."""
        async with self._transaction() as connection:
            await connection.execute(_LONG_STATEMENT)
            await published.begin_publishing(connection)

    async def behind(self, *, after: str, limit: int) -> Behind:
        """Search the next `limit` conversations after `after`, ordered by `sender_id`."""
        async with self._connection() as connection:
            return await published.behind(connection, after, limit)

    async def claim(
        self, sender_ids: Sequence[str], lease: Lease, *, now: float, over: Collection[str] = ()
    ) -> list[Cursor]:
        """Acquire a lease on the cursors of conversations. Missing cursors are created."""
        async with self._transaction() as connection:
            return await published.claim(connection, sender_ids, lease, now, over)

    async def unpublished(self, cursors: Sequence[Cursor], *, limit: int) -> list[UnpublishedEvents]:
        """Return the events after each cursor, at most `limit` events each, from one consistent read."""
        async with self._connection() as connection:
            return await published.unpublished(connection, cursors, limit)

    async def move(self, cursors: Sequence[Cursor], gone: Sequence[str], *, owner: str) -> None:
        """Set cursors, remove the cursors of the conversations in `gone`, and release the leases on all of them."""
        async with self._transaction() as connection:
            await published.move(connection, cursors, gone, owner)

    async def run_operation(self, operation: Operation[T], *, is_read: bool = False, is_alone: bool = False) -> T:
        """See `PostboxTables.run_operation`."""
        async with self._connection() if is_read else self._transaction() as connection:
            if is_alone:
                await connection.execute(sql.LOCK_POSTBOX)
            return await _run_operation(connection, operation)

    def _append_lock(self, sender_id: str) -> asyncio.Lock:
        """Return the lock that keeps a conversation's appends in the order in which they were called."""
        return self._writing.setdefault(sender_id, asyncio.Lock())

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """Borrow a connection from the pool."""
        with self._lend_pool() as pool:
            async with pool.statement() as connection:
                yield connection

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        """Borrow a connection from the pool inside a transaction."""
        with self._lend_pool() as pool:
            async with pool.transaction() as connection:
                yield connection

    @contextmanager
    def _lend_pool(self) -> Iterator[Pool]:
        """Lend the pool. `close` waits until the connection is returned.

        Errors inside the block are raised as StoreError.
        """
        if self._pool is None:
            raise StoreError("store_closed", "the store is closed")
        self._in_use += 1
        try:
            with translated():
                yield self._pool
        finally:
            self._in_use -= 1
            if not self._in_use:
                self._idle.set()


async def _run_operation(connection: Connection, operation: Operation[T]) -> T:
    try:
        statement, values = next(operation)
        while True:
            statement, values = operation.send(await connection.fetch(statement, *values))
    except StopIteration as finished:
        result: T = finished.value
        return result


async def _head(connection: Connection, sender_id: str) -> Head | None:
    row = await connection.fetchrow(sql.HEAD, sender_id)
    return None if row is None else head_of_row(tuple(row))


async def _locked_head(connection: Connection, sender_id: str) -> Head | None:
    row = await connection.fetchrow(sql.HEAD_FOR_UPDATE, sender_id)
    return None if row is None else head_of_row(tuple(row))


async def _append(connection: Connection, append: Append) -> None:
    """Write an append. With reminders, the caller must have begun a transaction.

    Raises:
        VersionConflict: the log has another epoch, version or lease. Nothing was written.
    """
    sender_id = append.head.sender_id
    events = [entry_to_row(entry) for entry in append.entries]
    snapshot = append.snapshot
    conversation_id: int | None = await connection.fetchval(
        sql.APPEND if append.expected_version else sql.APPEND_FIRST,
        *head_values(append.head),
        append.expected_version,
        *([row[column] for row in events] for column in range(5)),
        [row[5].decode() for row in events],
        [one.message_id for one in append.accepted],
        [one.seq for one in append.accepted],
        [one.digest for one in append.accepted],
        snapshot and snapshot.version,
        snapshot and snapshot.data,
        owner_of(append.expected_lease),
        await _superfluous_snapshots(connection, sender_id, snapshot),
    )
    if conversation_id is None:
        raise VersionConflict(sender_id)
    if append.reminders:
        await change_reminders(connection, conversation_id, sender_id, append.reminders)


async def _superfluous_snapshots(connection: Connection, sender_id: str, new: Snapshot | None) -> list[int]:
    """Return the versions of the snapshots to delete when an append stores a new one.

    If another server adds a snapshot in the meantime, the version changes and the append fails.
    """
    if new is None:
        return []
    found = await connection.fetch(sql.SNAPSHOT_VERSIONS, sender_id)
    return superfluous([new.version, *(row[0] for row in found)])


async def _unique_violation(connection: Connection, append: Append) -> Exception:
    """Return the error for an append with a message id that is already used."""
    for one in append.accepted:
        before = await _accepted(connection, append.head.sender_id, one.message_id)
        if before is not None:
            return DuplicateMessage(before)
    return InternalError("bad_append", "an append contains the same message id twice")


async def _accepted(connection: Connection, sender_id: str, message_id: str) -> Accepted | None:
    row = await connection.fetchrow(sql.ACCEPTED, sender_id, message_id)
    return None if row is None else Accepted(message_id=row[0], seq=row[1], digest=row[2])


async def _entries(connection: Connection, sender_id: str, after: int, limit: int | None) -> list[LogEntry]:
    return [_entry(row) for row in await connection.fetch(sql.ENTRIES, sender_id, after, limit)]


def _entry(row: Any) -> LogEntry:
    seq, written_as, prev, divider, title, data = row
    return row_to_entry((seq, written_as, prev, divider, title, data.encode()))


def _head_and_entries(row: Any) -> tuple[Head, Snapshot | None, list[LogEntry]]:
    """Decode a row of `sql.LOAD`, `sql.VISIBLE_AFTER` or `sql.VISIBLE_BEFORE`."""
    columns = tuple(row)
    head = head_of_row(columns[:_HEAD_COLUMN_COUNT])
    version, data, *arrays = columns[_HEAD_COLUMN_COUNT:]
    snapshot = None if version is None else Snapshot(version=version, data=data)
    entries = [] if arrays[0] is None else [_entry(one) for one in zip(*arrays, strict=True)]
    return head, snapshot, entries

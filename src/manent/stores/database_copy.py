"""Copies a SQLite store to a PostgreSQL database, row by row. For `manent db copy`.

The conversations are copied in the order of `sender_id`, one page per transaction. A conversation whose head is the
same in the target was copied before, because its rows and its head are written together. So if the command runs again,
it continues an interrupted copy, and copies conversations that have changed in the source. At the end, the number of
rows and the checksum of every conversation are compared between the two databases.

While a copy is unfinished, the target contains a mark with the name of the source. No server opens such a database.
"""

import hashlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec

from manent.core.errors import StoreError
from manent.stores.head_row import HEAD_COLUMNS, Row
from manent.stores.postgresql import sql
from manent.stores.postgresql.connection import CLOSE_TIMEOUT_S, UPGRADE_TIMEOUT_S, Connection, connect
from manent.stores.postgresql.errors import place_of, translated
from manent.stores.postgresql.options import DEFAULTS, PostgresqlOptions
from manent.stores.postgresql.schema import SCHEMA, UNFINISHED_COPY, upgrade_postgresql
from manent.stores.schema.steps import check_schema, newest_revision
from manent.stores.sqlite.errors import store_error
from manent.stores.sqlite.file import connect as connect_sqlite
from manent.stores.sqlite.file import is_database, is_foreign, recorded_schema

PAGE: Final = 200
"""Maximum number of conversations in one transaction. An interrupted copy repeats the last transaction."""

_ROWS_AT_ONCE: Final = 1000


class _Table(NamedTuple):
    """A table whose rows belong to a conversation. `key` orders the rows of one conversation."""

    name: str
    columns: str
    key: str


class _Whole(NamedTuple):
    """A table that is copied as a whole."""

    name: str
    columns: str
    key: str
    condition: str = "true"


_TABLES: Final = (
    _Table("events", "seq, format, prev, divider, title, data", "seq"),
    _Table("accepted", "message_id, seq, digest", "message_id"),
    _Table("snapshots", "version, data", "version"),
    _Table("reminders", "name, seq, due, data", "name"),
)
_WHOLES: Final = (
    _Whole("meta", "name, value", "name", f"name NOT IN ('health', '{UNFINISHED_COPY}')"),
    _Whole("revocations", "kind, value, issued_before, lifted, made", "kind, value"),
    _Whole("files", "file_id, sender_id, message_id, name, mime, size, created, state, remove_at", "file_id"),
    _Whole("published", "sender_id, epoch, seq, lease_owner, lease_until", "sender_id"),
    _Whole("inbox", "number, message_key, sender_id, data, done, lease_owner, lease_until", "number"),
    _Whole(
        "routes",
        "sender_id, channel, address, reference, epoch, seq, part, failures, retry_at, lease_owner, lease_until",
        "sender_id",
    ),
    _Whole("undelivered", "sender_id, seq, part, reason, time, is_uncertain", "sender_id, seq, part"),
    _Whole("desk_members", "id, name, role, avatar, created, removed", "id"),
    _Whole("desk_audit", "number, time, member_id, name, action, sender_id, detail", "number"),
    _Whole(
        "desk_conversations",
        "sender_id, epoch, seq, handler, operator_id, waiting_since, updated, channel, labels, users, gone, data",
        "sender_id",
    ),
    _Whole("desk_labels", "label, updated, sender_id, channel", "label, updated, sender_id"),
    _Whole("desk_reads", "member_id, sender_id, users", "member_id, sender_id"),
    _Whole("desk_texts", "id, sender_id, seq, role, time, text, words, text_key", "id"),
    _Whole("desk_review", "text_key, text, intent, confidence, entities, count, sender_id, seq, newest", "text_key"),
    _Whole("desk_annotations", "text_key, text, intent, entities, member_id, time", "text_key"),
    _Whole("desk_numbers", "day, name, key, value", "day, name, key"),
    _Whole("desk_visits", "day, visitor", "day, visitor"),
    _Whole("desk_canned", "key, text", "key"),
    _Whole("desk_webhooks", "id, url, secret, events, created, position, failures, retry_at", "id"),
    _Whole("desk_links", "bridge, sender_id, remote, data, failures, retry_at", "bridge, sender_id"),
)
"""Invitations, sessions and the feed of the desk are not copied: operators sign in again, and pages load again. Rate
limits are not copied, because their rows expire within two minutes."""

_NUMBERED: Final = {"inbox": "number", "desk_audit": "number", "desk_texts": "id", "desk_feed": "number"}
"""Tables whose rows the database numbers, and the column. The target continues with the numbers of the source."""

_NUMERIC_KEYS: Final = frozenset({"day", "updated", "seq", "part"})
_HEAD_TYPES: Final = (
    *("text", "text", "bigint", "bigint", "text", "bigint", "bigint", "boolean", "text", "float8", "text"),
    *("float8", "float8", "text", "text"),
)
_ARRAYS: Final = ", ".join(f"${number}::{name}[]" for number, name in enumerate(_HEAD_TYPES, 1))
_INSERT_HEADS: Final = (
    f"INSERT INTO conversations ({HEAD_COLUMNS}) SELECT * FROM unnest({_ARRAYS}) RETURNING id, sender_id"
)
_BOOLEANS: Final = frozenset({"open_turn", "lifted"})
"""Columns that SQLite stores as 0 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """The result of copying a store.

    Attributes:
        rows: number of rows of each table, which is the same in both databases.
        copied: number of conversations that this run has written.
    """

    rows: dict[str, int]
    copied: int


async def copy_database(
    source: Path,
    dsn: str,
    *,
    schema: str = SCHEMA,
    options: PostgresqlOptions = DEFAULTS,
    progress: Callable[[str, int, int], None] | None = None,
) -> CopyReport:
    """Copy a SQLite store to an empty PostgreSQL database, or continue an unfinished copy.

    Args:
        source: the file. It is only read. If servers write to the store, the copy ends with an error. Run the copy
            again after they have stopped.
        dsn: the target.
        schema: PostgreSQL schema for the tables, which is created if it does not exist.
        options: timeouts.
        progress: called with `copying` or `comparing`, the number of finished conversations and the total number.

    Raises:
        StoreError: `store_missing`, `store_foreign_file`, `store_schema_old`, `store_schema_new`: the source is not a
            store of this version. `copy_target`: the target contains conversations, or an unfinished copy of another
                file.
            `copy_refused`: PostgreSQL cannot store a conversation. `copy_differs`: the databases differ at the end.
    """
    place = _check_source(source)
    report = progress or (lambda *_: None)
    with translated(where=place_of(dsn)):
        await upgrade_postgresql(dsn, schema=schema, options=options)
        connection = await connect(dsn, options, command_timeout=UPGRADE_TIMEOUT_S, prepare=False)
        try:
            target = _Target(connection, schema)
            await target.begin(str(place))
            with _reading(source) as cursor:
                copied = await _copy(cursor, target, report)
            with _reading(source) as cursor:  # a new read includes rows that servers have written in the meantime
                rows = await _compare(cursor, target, report)
            await target.finish()
        finally:
            await connection.close(timeout=CLOSE_TIMEOUT_S)
    return CopyReport(rows=rows, copied=copied)


class _Target:
    """The PostgreSQL database. Every access is one transaction, so that it works through a pooler such as PgBouncer."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self.connection = connection
        self.schema = schema

    @asynccontextmanager
    async def transaction(self, *, isolation: str | None = None) -> AsyncIterator[Connection]:
        """Begin a transaction in the store's schema."""
        async with self.connection.transaction(isolation=isolation):
            await self.connection.execute(
                f"SET LOCAL search_path = '{self.schema}'; SET LOCAL synchronous_commit = on; "
                f"SET LOCAL statement_timeout = {int(UPGRADE_TIMEOUT_S * 1000)}"
            )
            yield self.connection

    async def begin(self, source: str) -> None:
        """Mark the target, or check that it already has the mark of this source."""
        async with self.transaction() as connection:
            mark = await connection.fetchval(sql.META, UNFINISHED_COPY)
            if mark is None:
                for table in ("conversations", "meta", "revocations", "published"):
                    if await connection.fetchval(f"SELECT 1 FROM {table} LIMIT 1"):
                        raise StoreError(
                            "copy_target",
                            f"the target is not empty (table {table} of the PostgreSQL schema {self.schema!r} has "
                            "rows), and nothing is overwritten: name another database, or drop this schema",
                        )
                await connection.execute(sql.PUT_META, UNFINISHED_COPY, source.encode())
            elif mark.decode() != source:
                raise StoreError(
                    "copy_target",
                    f"the target holds an unfinished copy of {mark.decode()}: finish that copy, or drop the "
                    f"PostgreSQL schema {self.schema!r}",
                )

    async def finish(self) -> None:
        """Remove the mark."""
        async with self.transaction() as connection:
            await connection.execute("DELETE FROM meta WHERE name = $1", UNFINISHED_COPY)


def _check_source(path: Path) -> Path:
    """Check that a file is a store of this version. Return its absolute path."""
    if not path.exists():
        raise StoreError("store_missing", f"{path} does not exist")
    if not is_database(path) or is_foreign(path):
        raise StoreError("store_foreign_file", f"{path} is not a store of Manent")
    with _reading(path) as cursor:
        schema = recorded_schema(cursor.connection)
    check_schema(schema, "sqlite", where=str(path))
    if schema.revision > newest_revision("sqlite"):
        raise StoreError(
            "store_schema_new",
            f"{path} has schema {schema.revision}, and this version of Manent would not copy its newer tables; copy "
            "it with the newer version",
        )
    return path.resolve()


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Cursor]:
    """Open a SQLite store for reading one consistent state."""
    try:
        with closing(connect_sqlite(path, durability="disk", read_only=True)) as connection:
            cursor = connection.cursor()
            cursor.execute("BEGIN")
            yield cursor
    except sqlite3.Error as error:
        raise store_error(error) from error


class _Page(NamedTuple):
    """A page of conversations with row ids and head rows by `sender_id`, and the range of `sender_id`."""

    ids: dict[str, int]
    heads: dict[str, Row]
    after: str
    upto: str | None


def _pages(cursor: sqlite3.Cursor) -> Iterator[_Page]:
    """Yield all conversations. The last page has no upper end."""
    after = ""
    while True:
        found = cursor.execute(
            f"SELECT id, {HEAD_COLUMNS} FROM conversations WHERE sender_id > ? ORDER BY sender_id LIMIT ?",
            (after, PAGE),
        ).fetchall()
        heads = {row[1]: _plain(HEAD_COLUMNS, row[1:]) for row in found}
        upto = found[-1][1] if len(found) == PAGE else None
        yield _Page({row[1]: row[0] for row in found}, heads, after, upto)
        if upto is None:
            return
        after = upto


async def _copy(cursor: sqlite3.Cursor, target: _Target, progress: Callable[[str, int, int], None]) -> int:
    """Copy what differs. Copy a page and return the number of written conversations."""
    (total,) = cursor.execute("SELECT count(*) FROM conversations").fetchone()
    done = copied = 0
    for page in _pages(cursor):
        async with target.transaction() as connection:
            there = await _heads(connection, page)
        wanted = [sender_id for sender_id, head in page.heads.items() if there.get(sender_id) != head]
        gone = [sender_id for sender_id in there if sender_id not in page.heads]
        if wanted or gone:
            await _replace_each(cursor, target, page, wanted, gone)
        copied += len(wanted)
        done += len(page.heads)
        progress("copying", done, total)
    async with target.transaction() as connection:
        for table in _WHOLES:
            await connection.execute(f"DELETE FROM {table.name} WHERE {table.condition}")
            await _insert(connection, target.schema, table.name, table.columns, _all_rows(cursor, table))
        for name, column in _NUMBERED.items():
            found = cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (name,)).fetchone()
            if found is not None:
                await connection.execute("SELECT setval(pg_get_serial_sequence($1, $2), $3)", name, column, found[0])
    return copied


async def _heads(connection: Connection, page: _Page) -> dict[str, Row]:
    found = await connection.fetch(
        f"SELECT {HEAD_COLUMNS} FROM conversations WHERE sender_id > $1 AND ($2::text IS NULL OR sender_id <= $2)",
        page.after,
        page.upto,
    )
    return {row[0]: tuple(row) for row in found}


async def _replace_each(
    cursor: sqlite3.Cursor, target: _Target, page: _Page, wanted: Sequence[str], gone: Sequence[str]
) -> None:
    """Replace conversations in one transaction.

    If PostgreSQL rejects a value, replace them one by one to name the conversation.
    """
    try:
        await _replace(cursor, target, page, wanted, gone)
    except (asyncpg.PostgresError, UnicodeError) as error:
        if isinstance(error, asyncpg.PostgresError) and not (error.sqlstate or "").startswith("22"):
            raise
        if len(wanted) == 1:
            raise StoreError(
                "copy_refused",
                f"PostgreSQL cannot store conversation {wanted[0]!r} ({error}): erase it from "
                "the source (`manent conversations erase`), and run the command again",
            ) from error
        for sender_id in wanted:
            await _replace_each(cursor, target, page, [sender_id], [])
        await _replace(cursor, target, page, [], gone)


async def _replace(
    cursor: sqlite3.Cursor, target: _Target, page: _Page, wanted: Sequence[str], gone: Sequence[str]
) -> None:
    async with target.transaction() as connection:
        await connection.execute(sql.DELETE, [*wanted, *gone])
        heads = [page.heads[sender_id] for sender_id in wanted]
        columns = [[head[column] for head in heads] for column in range(len(_HEAD_TYPES))]
        numbers = {page.ids[sender_id]: number for number, sender_id in await connection.fetch(_INSERT_HEADS, *columns)}
        for table in _TABLES:
            rows = _rows_of(cursor, table, numbers)
            await _insert(connection, target.schema, table.name, f"conversation_id, {table.columns}", rows)


def _rows_of(cursor: sqlite3.Cursor, table: _Table, numbers: dict[int, int]) -> Iterator[Row]:
    """Yield the rows of conversations, with the row ids of the target."""
    for here, there in numbers.items():
        for row in cursor.execute(
            f"SELECT {table.columns} FROM {table.name} WHERE conversation_id = ? ORDER BY {table.key}", (here,)
        ):
            yield (there, *row)


def _all_rows(cursor: sqlite3.Cursor, table: _Whole) -> Iterator[Row]:
    found = cursor.execute(f"SELECT {table.columns} FROM {table.name} WHERE {table.condition} ORDER BY {table.key}")
    return (_plain(table.columns, row) for row in found)


def _plain(columns: str, row: Row) -> Row:
    """Return a row of SQLite with the values that PostgreSQL returns."""
    names = columns.split(", ")
    return tuple(bool(value) if name in _BOOLEANS else value for name, value in zip(names, row, strict=True))


async def _insert(connection: Connection, schema: str, table: str, columns: str, rows: Iterator[Row]) -> None:
    await connection.copy_records_to_table(table, records=rows, columns=columns.split(", "), schema_name=schema)


class _Sum:
    """The number of rows and their checksum."""

    def __init__(self) -> None:
        self.count = 0
        self._hash = hashlib.sha256()

    def add(self, row: Iterable[Any]) -> None:
        self.count += 1
        self._hash.update(msgspec.msgpack.encode(tuple(row)))

    def result(self) -> tuple[int, bytes]:
        return self.count, self._hash.digest()


async def _compare(
    cursor: sqlite3.Cursor, target: _Target, progress: Callable[[str, int, int], None]
) -> dict[str, int]:
    """Compare both databases. Return the number of rows of each table.

    Raises:
        StoreError: `copy_differs`.
    """
    (total,) = cursor.execute("SELECT count(*) FROM conversations").fetchone()
    counts = {"conversations": 0} | {table.name: 0 for table in (*_TABLES, *_WHOLES)}
    differing: list[str] = []
    async with target.transaction(isolation="repeatable_read") as connection:
        for page in _pages(cursor):
            there = await _heads(connection, page)
            differing += [name for name in {*page.heads, *there} if page.heads.get(name) != there.get(name)]
            for table in _TABLES:
                ours = _sums_here(cursor, table, page)
                theirs = await _sums_there(connection, table, page)
                counts[table.name] += sum(count for count, _ in ours.values())
                differing += [name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)]
            counts["conversations"] += len(page.heads)
            progress("comparing", counts["conversations"], total)
        for whole in _WHOLES:
            ours_sum, theirs_sum = _Sum(), _Sum()
            for row in _all_rows(cursor, whole):
                ours_sum.add(row)
            # PostgreSQL must sort like SQLite, which compares bytes.
            keys = ", ".join(_compared(whole.name, key) for key in whole.key.split(", "))
            select = f"SELECT {whole.columns} FROM {whole.name} WHERE {whole.condition} ORDER BY {keys}"
            async for row in connection.cursor(select, prefetch=_ROWS_AT_ONCE):
                theirs_sum.add(row)
            counts[whole.name] = ours_sum.count
            if ours_sum.result() != theirs_sum.result():
                differing.append(f"(table {whole.name})")
    if differing:
        names = sorted(set(differing))
        raise StoreError(
            "copy_differs",
            f"source and target differ in {len(names)} conversations or tables, first {names[0]!r}: if a server has "
            "written to the source, stop it and run the command again, which copies only what differs",
        )
    return counts


def _compared(table: str, key: str) -> str:
    """Return a key of a table for ORDER BY, so that PostgreSQL sorts texts like SQLite."""
    is_number = key in _NUMERIC_KEYS or _NUMBERED.get(table) == key
    return key if is_number else f'{key} COLLATE "C"'


def _sums_here(cursor: sqlite3.Cursor, table: _Table, page: _Page) -> dict[str, tuple[int, bytes]]:
    sums: dict[str, _Sum] = {}
    for sender_id, number in page.ids.items():
        for row in _rows_of(cursor, table, {number: 0}):
            sums.setdefault(sender_id, _Sum()).add(row[1:])
    return {sender_id: one.result() for sender_id, one in sums.items()}


async def _sums_there(connection: Connection, table: _Table, page: _Page) -> dict[str, tuple[int, bytes]]:
    sums: dict[str, _Sum] = {}
    key = f'{table.key} COLLATE "C"' if table.key in ("message_id", "name") else table.key
    columns = ", ".join(f"t.{name}" for name in table.columns.split(", "))
    select = (
        f"SELECT c.sender_id, {columns} FROM conversations AS c JOIN {table.name} AS t ON t.conversation_id = c.id "
        f"WHERE c.sender_id > $1 AND ($2::text IS NULL OR c.sender_id <= $2) ORDER BY c.sender_id, t.{key}"
    )
    async for sender_id, *row in connection.cursor(select, page.after, page.upto, prefetch=_ROWS_AT_ONCE):
        sums.setdefault(sender_id, _Sum()).add(row)
    return {sender_id: one.result() for sender_id, one in sums.items()}

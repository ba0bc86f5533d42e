"""Appends as rows of the SQLite store, and statements that write the rows of many appends at once.

Every step of a statement gives Python's interpreter lock away and has to win it back from the event loop, so the
number of statements decides what a commit costs under load, not the number of rows. Used by the SQLite store alone: by
its writer, its readers, and the process that writes for it (`sqlite/process_main.py`), which loads little more.

What is NULL is bound as a value that its column never has, and made NULL by the statement: sqlite3 takes 0.05 µs to
bind a number, but 0.4 µs for None (bytes and booleans, too), because it looks for somebody who adapts it; that came to
10 µs a turn. `OR FAIL`: when a statement fails, the writer takes its transaction or savepoint back anyway; so SQLite
need not keep a copy of each page that the statement changes, in a temporary file when they are many.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, cast

import msgspec

from manent.core.conversation_log import Append, LogEntry
from manent.stores.codec import entry_to_row
from manent.stores.head_row import Row, lease_values
from manent.stores.thinning import superfluous

NO_TEXT = 0
"""Stands for NULL in a column of texts: no text equals a number."""

NO_NUMBER = ""
"""Stands for NULL in a column of numbers."""

INSERT_PLACE = """
    INSERT INTO conversations (
        version, sender_id, epoch, lease_owner, lease_until,
        visible, session_seq, plain_seq, open_turn, started, updated
    ) VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0)
    """
"""A conversation as its first append expects it; the append's head is written over it."""
INSERT_EVENTS = "INSERT OR FAIL INTO events (conversation_id, seq, format, prev, divider, title, data) VALUES "
INSERT_ACCEPTED = "INSERT OR IGNORE INTO accepted (conversation_id, message_id, seq, digest) VALUES "
SNAPSHOT_VERSIONS = "SELECT version FROM snapshots WHERE conversation_id = ?"
DROP_SNAPSHOTS = "DELETE FROM snapshots WHERE conversation_id = ? AND version IN (SELECT value FROM json_each(?))"
INSERT_SNAPSHOTS = "INSERT OR REPLACE INTO snapshots (conversation_id, version, data) VALUES "
UPDATE_HEADS = (
    """
    UPDATE OR FAIL conversations SET
        version = new.column5, visible = new.column6, divider = new.column7, session_seq = new.column8,
        plain_seq = new.column9, open_turn = new.column10, lease_owner = new.column11, lease_until = new.column12,
        owner = new.column13, started = new.column14, updated = new.column15
    FROM (VALUES """,
    """) AS new
    WHERE conversations.id = new.column1 AND conversations.version = new.column2
        AND conversations.sender_id = new.column3 AND conversations.epoch = new.column4
        AND conversations.lease_owner IS new.column16 AND conversations.lease_until IS new.column17
    """,
)
"""Writes heads whose epoch, version and lease are as expected, leaves the others; the row count tells."""

_AT_ONCE = 160
"""Rows in one statement, at most: the events of 32 turns. Each number of rows is a statement that is prepared once."""

_TEXT = f"NULLIF(?,{NO_TEXT})"
_NUMBER = f"NULLIF(?,'{NO_NUMBER}')"
_EVENT_ROW = f"(?,?,?,{_NUMBER},{_TEXT},{_TEXT},?)"
_HEAD_ROW = f"(?,?,?,?,?,?,{_TEXT},?,?,?,{_TEXT},{_NUMBER},{_TEXT},?,?,{_TEXT},{_NUMBER})"


class AppendRows(msgspec.Struct, frozen=True, array_like=True):
    """An append as rows, without their conversation's number (and without its reminders).

    Attributes:
        head: of `UPDATE_HEADS`.
        events: of `INSERT_EVENTS`.
        accepted: of `INSERT_ACCEPTED`.
        snapshot: of `INSERT_SNAPSHOTS`.
    """

    sender_id: str
    head: Row
    events: Sequence[Row]
    accepted: Sequence[Row]
    snapshot: Row | None


class BulkFailed(Exception):
    """Something in the batch does not fit; repeat it piece by piece."""


def append_rows(append: Append) -> AppendRows:
    """Return an append as rows."""
    snapshot = append.snapshot
    return AppendRows(
        sender_id=append.head.sender_id,
        head=_head_row(append),
        events=_event_rows(append.entries),
        accepted=[(one.message_id, one.seq, one.digest) for one in append.accepted],
        snapshot=None if snapshot is None else (snapshot.version, snapshot.data),
    )


def write_rows(cursor: sqlite3.Cursor, appends: Sequence[tuple[int, AppendRows]]) -> None:
    """Write appends to different conversations, given by their numbers.

    Raises:
        BulkFailed: one of them does not fit; the transaction must be rolled back.
    """
    heads: list[Row] = []
    events: list[Row] = []
    accepted: list[Row] = []
    snapshots: list[Row] = []
    for number, rows in appends:
        heads.append((number, *rows.head))
        events += [(number, *row) for row in rows.events]
        accepted += [(number, *row) for row in rows.accepted]
        if rows.snapshot is not None:
            snapshots.append((number, *rows.snapshot))
    if _update_heads(cursor, heads) != len(heads):
        raise BulkFailed
    _insert(cursor, INSERT_EVENTS, events)
    if _insert(cursor, INSERT_ACCEPTED, accepted) != len(accepted):
        raise BulkFailed
    _insert(cursor, INSERT_SNAPSHOTS, snapshots)
    for number, *_ in snapshots:
        thin_snapshots(cursor, number)


def thin_snapshots(cursor: sqlite3.Cursor, number: int) -> None:
    """Drop the snapshots of a conversation that need not be kept beside its newest."""
    found = cursor.execute(SNAPSHOT_VERSIONS, (number,)).fetchall()
    gone = superfluous(version for (version,) in found)
    if gone:
        cursor.execute(DROP_SNAPSHOTS, (number, str(gone)))


def make_place(cursor: sqlite3.Cursor, rows: AppendRows) -> int:
    """Make the conversation that its first append expects; return its number."""
    version, sender_id, epoch, *_, lease_owner, lease_until = rows.head
    lease = (lease_owner or None, lease_until if lease_until != NO_NUMBER else None)
    cursor.execute(INSERT_PLACE, (version, sender_id, epoch, *lease))
    return cast("int", cursor.lastrowid)


def expects_nothing(rows: AppendRows) -> bool:
    """Whether the append is its conversation's first."""
    return bool(rows.head[0] == 0)


def _event_rows(entries: Iterable[LogEntry]) -> list[Row]:
    """Return entries as rows of `INSERT_EVENTS`, without their conversation's number."""
    return [
        (
            seq,
            written_as,
            NO_NUMBER if prev is None else prev,
            NO_TEXT if divider is None else divider,
            NO_TEXT if title is None else title,
            data.decode(),
        )
        for seq, written_as, prev, divider, title, data in map(entry_to_row, entries)
    ]


def _head_row(append: Append) -> Row:
    """Return the row with which `_update_heads` writes an append's head, without the conversation's number."""
    head = append.head
    owner, until = lease_values(head.lease)
    expected_owner, expected_until = lease_values(append.expected_lease)
    return (
        append.expected_version,
        head.sender_id,
        head.epoch,
        head.version,
        head.visible,
        NO_TEXT if head.divider is None else head.divider,
        head.session_seq,
        head.plain_seq,
        int(head.open_turn),
        NO_TEXT if owner is None else owner,
        NO_NUMBER if until is None else until,
        NO_TEXT if head.owner is None else head.owner,
        head.started,
        head.updated,
        NO_TEXT if expected_owner is None else expected_owner,
        NO_NUMBER if expected_until is None else expected_until,
    )


def _insert(cursor: sqlite3.Cursor, statement: str, rows: Sequence[Row]) -> int:
    """Insert rows with as few statements as their number allows; return how many were inserted."""
    row = _EVENT_ROW if statement is INSERT_EVENTS else f"({','.join('?' * len(rows[0]))})" if rows else ""
    return sum(cursor.execute(_text(statement, row, len(part), ""), _flat(part)).rowcount for part in _parts(rows))


def _update_heads(cursor: sqlite3.Cursor, rows: Sequence[Row]) -> int:
    """Write heads of different conversations; return how many had the epoch, version and lease that was expected."""
    before, after = UPDATE_HEADS
    return sum(
        cursor.execute(_text(before, _HEAD_ROW, len(part), after), _flat(part)).rowcount for part in _parts(rows)
    )


def _flat(rows: Sequence[Row]) -> list[Any]:
    return list(chain.from_iterable(rows))


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]


@cache
def _text(before: str, row: str, count: int, after: str) -> str:
    return before + ",".join([row] * count) + after

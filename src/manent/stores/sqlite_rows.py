"""Rows of the SQLite store: statements that write many of them at once.

Every step of a statement gives Python's interpreter lock away and has to win it back from the event loop, so the
number of statements decides what a commit costs under load, not the number of rows. Used by the writer and the readers
of the SQLite store alone.

What is NULL is bound as a value that its column never has, and made NULL by the statement: sqlite3 takes 0.05 µs to
bind a number, but 0.4 µs for None (bytes and booleans, too), because it looks for somebody who adapts it; that came to
10 µs a turn. `OR FAIL`: when a statement fails, the writer takes its transaction or savepoint back anyway; so SQLite
need not keep a copy of each page that the statement changes, in a temporary file when they are many.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

from manent.core.log import Append, LogEntry
from manent.stores.codec import entry_to_row
from manent.stores.head_row import HEAD_COLUMNS, Row, lease_values

NO_TEXT = 0
"""Stands for NULL in a column of texts: no text equals a number."""

NO_NUMBER = ""
"""Stands for NULL in a column of numbers."""

INSERT_CONVERSATIONS = f"INSERT INTO conversations (id, {HEAD_COLUMNS}) VALUES "
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


def event_rows(entries: Iterable[LogEntry]) -> list[Row]:
    """Return entries as rows of `INSERT_EVENTS`, without their conversation's id."""
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


def head_row(conversation_id: int, append: Append) -> Row:
    """Return the row with which `update_heads` writes an append's head."""
    head = append.head
    owner, until = lease_values(head.lease)
    expected_owner, expected_until = lease_values(append.expected_lease)
    return (
        conversation_id,
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


def insert_rows(cursor: sqlite3.Cursor, statement: str, rows: Sequence[Row]) -> int:
    """Insert rows with as few statements as their number allows; return how many were inserted."""
    row = _EVENT_ROW if statement is INSERT_EVENTS else f"({','.join('?' * len(rows[0]))})" if rows else ""
    return sum(cursor.execute(_text(statement, row, len(part), ""), _flat(part)).rowcount for part in _parts(rows))


def update_heads(cursor: sqlite3.Cursor, rows: Sequence[Row]) -> int:
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

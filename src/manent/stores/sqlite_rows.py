"""Rows of the SQLite store: statements that write many of them at once.

Every step of a statement gives Python's interpreter lock away and has to win it back from the event loop, so the
number of statements decides what a commit costs under load, not the number of rows. Used by the writer and the readers
of the SQLite store alone.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

from manent.stores.head_row import HEAD_COLUMNS, Row

INSERT_CONVERSATIONS = f"INSERT INTO conversations (id, {HEAD_COLUMNS}) VALUES "
INSERT_EVENTS = "INSERT INTO events (conversation_id, seq, format, prev, divider, title, data) VALUES "
INSERT_ACCEPTED = "INSERT OR IGNORE INTO accepted (conversation_id, message_id, seq, digest) VALUES "
SNAPSHOT_VERSIONS = "SELECT version FROM snapshots WHERE conversation_id = ?"
DROP_SNAPSHOTS = "DELETE FROM snapshots WHERE conversation_id = ? AND version IN (SELECT value FROM json_each(?))"
INSERT_SNAPSHOTS = "INSERT OR REPLACE INTO snapshots (conversation_id, version, data) VALUES "
UPDATE_HEADS = (
    """
    UPDATE conversations SET
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

_EVENT_ROW = "(?,?,?,?,?,?,CAST(? AS TEXT))"
"""JSON is bound as bytes, which saves decoding it, and stored as text, which SQLite's JSON functions read."""


def insert_rows(cursor: sqlite3.Cursor, statement: str, rows: Sequence[Row]) -> int:
    """Insert rows with as few statements as their number allows; return how many were inserted."""
    row = _EVENT_ROW if statement is INSERT_EVENTS else f"({','.join('?' * len(rows[0]))})" if rows else ""
    return sum(cursor.execute(_text(statement, row, len(part), ""), _flat(part)).rowcount for part in _parts(rows))


def update_heads(cursor: sqlite3.Cursor, rows: Sequence[Row]) -> int:
    """Write heads of different conversations; return how many had the epoch, version and lease that was expected.

    A row is `(id, expected version, *head_values(head), *lease_values(expected lease))`.
    """
    before, after = UPDATE_HEADS
    row = f"({','.join('?' * 17)})"
    return sum(cursor.execute(_text(before, row, len(part), after), _flat(part)).rowcount for part in _parts(rows))


def _flat(rows: Sequence[Row]) -> list[Any]:
    return list(chain.from_iterable(rows))


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cut rows into runs of 1 to 16, 32, 64 or 128, so that few different statements have to be prepared."""
    start, left = 0, len(rows)
    while left:
        size = next((size for size in (128, 64, 32, 16) if left >= size), left)
        yield rows[start : start + size]
        start, left = start + size, left - size


@cache
def _text(before: str, row: str, count: int, after: str) -> str:
    return before + ",".join([row] * count) + after

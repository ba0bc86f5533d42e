"""Converts appends to rows, and writes the rows of many appends with a few SQL statements.

Under load, the cost of a commit depends on the number of statements, not on the number of rows. The reason is that each
step of a statement releases Python's interpreter lock and must acquire it again from the event loop. The SQLite store's
writer and readers use this module. The writing process (`sqlite/process_main.py`) also uses it, so it imports only a
few other modules.

NULL is bound as a value that its column never has, and the statement converts this value to NULL. sqlite3 takes 0.05 µs
to bind a number, but 0.4 µs to bind None, bytes or a boolean, because it searches for an adapter first. Binding numbers
saves 10 µs per turn.

With `OR FAIL`, SQLite does not copy each page that a statement changes. Many such copies would need a temporary file.
They are not needed, because the writer rolls back its transaction or savepoint if a statement fails.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, cast

import msgspec

from manent.core.conversation_log import Append, LogEntry
from manent.stores.codec import entry_to_row
from manent.stores.head_row import Row, handling_values, lease_values, owner_of
from manent.stores.thinning import superfluous

NO_TEXT = 0
"""Value that is bound for NULL in a text column, because no text equals a number."""

NO_NUMBER = ""
"""Value that is bound for NULL in a numeric column."""

INSERT_CONVERSATION = """
    INSERT INTO conversations (
        version, sender_id, epoch, lease_owner,
        visible, session_seq, plain_seq, open_turn, started, updated
    ) VALUES (?, ?, ?, ?, 0, 0, 0, 0, 0, 0)
    """
"""Inserts a conversation in the state that its first append expects. The append then overwrites the head."""
INSERT_EVENTS = "INSERT OR FAIL INTO events (conversation_id, seq, format, prev, divider, title, data) VALUES "
INSERT_ACCEPTED = "INSERT OR IGNORE INTO accepted (conversation_id, message_id, seq, digest) VALUES "
SNAPSHOT_VERSIONS = "SELECT version FROM snapshots WHERE conversation_id = ?"
DROP_SNAPSHOTS = "DELETE FROM snapshots WHERE conversation_id = ? AND version IN (SELECT value FROM json_each(?))"
INSERT_SNAPSHOTS = "INSERT OR REPLACE INTO snapshots (conversation_id, version, data) VALUES "
UPDATE_HEADS = (
    """
    UPDATE OR FAIL conversations SET
        version = new.column5, visible = new.column6, divider = new.column7, session_seq = new.column8,
        plain_seq = max(conversations.plain_seq, new.column9), open_turn = new.column10, lease_owner = new.column11,
        lease_until = CASE
            WHEN new.column11 = conversations.lease_owner
            THEN max(coalesce(conversations.lease_until, 0), new.column12) ELSE new.column12 END,
        owner = new.column13, started = new.column14, updated = new.column15,
        handler = new.column17, handling = new.column18
    FROM (VALUES """,
    """) AS new
    WHERE conversations.id = new.column1 AND conversations.version = new.column2
        AND conversations.sender_id = new.column3 AND conversations.epoch = new.column4
        AND conversations.lease_owner IS new.column16
    """,
)
"""Updates heads that have the expected epoch, version and owner of the lease. The row count shows whether all had.

A later end of a lease, and a greater `plain_seq`, which another server has written meanwhile, are kept.
"""

_MAX_ROWS = 160
"""Maximum number of rows in one statement: the events of 32 turns.

The module sqlite3 prepares one statement per number of rows.
"""

_TEXT = f"NULLIF(?,{NO_TEXT})"
_NUMBER = f"NULLIF(?,'{NO_NUMBER}')"
_EVENT_ROW = f"(?,?,?,{_NUMBER},{_TEXT},{_TEXT},?)"
_HEAD_ROW = f"(?,?,?,?,?,?,{_TEXT},?,?,?,{_TEXT},{_NUMBER},{_TEXT},?,?,{_TEXT},{_TEXT},{_TEXT})"


class AppendRows(msgspec.Struct, frozen=True, array_like=True):
    """An append as rows, without the conversation's row id and without reminders.

    Attributes:
        sender_id: the conversation.
        head: row for `UPDATE_HEADS`.
        events: rows for `INSERT_EVENTS`.
        accepted: rows for `INSERT_ACCEPTED`.
        snapshot: row for `INSERT_SNAPSHOTS`.
    """

    sender_id: str
    head: Row
    events: Sequence[Row]
    accepted: Sequence[Row]
    snapshot: Row | None


class BulkFailed(Exception):
    """An append in the batch conflicts with its conversation's state.

    The caller then writes the appends one by one.
    """


def append_rows(append: Append) -> AppendRows:
    """Convert an append to rows."""
    snapshot = append.snapshot
    return AppendRows(
        sender_id=append.head.sender_id,
        head=_head_row(append),
        events=_event_rows(append.entries),
        accepted=[(one.message_id, one.seq, one.digest) for one in append.accepted],
        snapshot=None if snapshot is None else (snapshot.version, snapshot.data),
    )


def write_rows(cursor: sqlite3.Cursor, appends: Sequence[tuple[int, AppendRows]]) -> None:
    """Write appends to different conversations.

    Args:
        cursor: a cursor of an open transaction.
        appends: pairs of a conversation's row id and an append.

    Raises:
        BulkFailed: an append conflicts with its conversation's state. The caller must roll back the transaction.
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
    """Delete the snapshots of a conversation that `thinning.py` selects."""
    found = cursor.execute(SNAPSHOT_VERSIONS, (number,)).fetchall()
    gone = superfluous(version for (version,) in found)
    if gone:
        cursor.execute(DROP_SNAPSHOTS, (number, str(gone)))


def insert_conversation(cursor: sqlite3.Cursor, rows: AppendRows) -> int:
    """Insert the conversation of a first append, without its events, and return its row id."""
    version, sender_id, epoch, *_, lease_owner, _, _ = rows.head
    cursor.execute(INSERT_CONVERSATION, (version, sender_id, epoch, lease_owner or None))
    return cast("int", cursor.lastrowid)


def is_first_append(rows: AppendRows) -> bool:
    """Return whether the append expects a conversation without events."""
    return bool(rows.head[0] == 0)


def _event_rows(entries: Iterable[LogEntry]) -> list[Row]:
    """Convert entries to rows for `INSERT_EVENTS`, without the conversation's row id."""
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
    """Convert an append's head to a row for `UPDATE_HEADS`, without the conversation's row id."""
    head = append.head
    owner, until = lease_values(head.lease)
    handler, handling = handling_values(head.handling)
    expected_owner = owner_of(append.expected_lease)
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
        NO_TEXT if handler is None else handler,
        NO_TEXT if handling is None else handling,
    )


def _insert(cursor: sqlite3.Cursor, statement: str, rows: Sequence[Row]) -> int:
    """Insert rows with as few statements as possible and return the number of inserted rows."""
    row = _EVENT_ROW if statement is INSERT_EVENTS else f"({','.join('?' * len(rows[0]))})" if rows else ""
    return sum(cursor.execute(_text(statement, row, len(part), ""), _flat(part)).rowcount for part in _parts(rows))


def _update_heads(cursor: sqlite3.Cursor, rows: Sequence[Row]) -> int:
    """Update the heads of different conversations.

    Return the number of heads that had the expected epoch, version and lease.
    """
    before, after = UPDATE_HEADS
    return sum(
        cursor.execute(_text(before, _HEAD_ROW, len(part), after), _flat(part)).rowcount for part in _parts(rows)
    )


def _flat(rows: Sequence[Row]) -> list[Any]:
    return list(chain.from_iterable(rows))


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), _MAX_ROWS):
        yield rows[start : start + _MAX_ROWS]


@cache
def _text(before: str, row: str, count: int, after: str) -> str:
    return before + ",".join([row] * count) + after

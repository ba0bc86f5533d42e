"""Appends as statements of SQLite: what one writes, and what many write together (`sqlite_rows.py` says why).

Called by the writer (`sqlite_writer.py`) inside of its transactions.
"""

import sqlite3
from collections.abc import Sequence
from typing import cast

import msgspec
from msgspec.structs import replace

from manent.core.log import Accepted, Append, Head
from manent.stores import sqlite_rows as rows
from manent.stores.head_row import Row, head_values
from manent.stores.sqlite_reminders import change_reminders
from manent.stores.thinning import superfluous


class AppendWork(msgspec.Struct, frozen=True, eq=False):
    """An append with its events as rows without their conversation's id (`event_rows`)."""

    append: Append
    events: Sequence[Row]


class BulkFailed(Exception):
    """Something in the batch does not fit; do it again one by one."""


def append_together(cursor: sqlite3.Cursor, works: Sequence[tuple[int, AppendWork]]) -> None:
    """Write appends to different conversations, given by their ids.

    Raises:
        BulkFailed: one of them does not fit; the transaction is of no use any more.
    """
    heads: list[Row] = []
    events: list[Row] = []
    accepted: list[Row] = []
    snapshots: list[Row] = []
    for conversation_id, work in works:
        append = work.append
        heads.append(rows.head_row(conversation_id, append))
        events += [(conversation_id, *row) for row in work.events]
        accepted += [(conversation_id, one.message_id, one.seq, one.digest) for one in append.accepted]
        if append.snapshot is not None:
            snapshots.append((conversation_id, append.snapshot.version, append.snapshot.data))
    if rows.update_heads(cursor, heads) != len(heads):
        raise BulkFailed
    rows.insert_rows(cursor, rows.INSERT_EVENTS, events)
    if rows.insert_rows(cursor, rows.INSERT_ACCEPTED, accepted) != len(accepted):
        raise BulkFailed
    rows.insert_rows(cursor, rows.INSERT_SNAPSHOTS, snapshots)
    for conversation_id, *_ in snapshots:
        thin_snapshots(cursor, conversation_id)
    for conversation_id, work in works:
        if work.append.reminders and not change_reminders(cursor, conversation_id, work.append.reminders):
            raise BulkFailed


def thin_snapshots(cursor: sqlite3.Cursor, conversation_id: int) -> None:
    """Drop the snapshots of a conversation that need not be kept beside its newest."""
    found = cursor.execute(rows.SNAPSHOT_VERSIONS, (conversation_id,)).fetchall()
    gone = superfluous(version for (version,) in found)
    if gone:
        cursor.execute(rows.DROP_SNAPSHOTS, (conversation_id, str(gone)))


def append_to_new(cursor: sqlite3.Cursor, work: AppendWork) -> int:
    """Make a conversation and write its first append; return its id."""
    append = work.append
    conversation_id = insert_head(
        cursor, replace(append.head, version=append.expected_version, lease=append.expected_lease)
    )
    append_together(cursor, [(conversation_id, work)])
    return conversation_id


def insert_head(cursor: sqlite3.Cursor, head: Head) -> int:
    """Add a conversation; return its id."""
    rows.insert_rows(cursor, rows.INSERT_CONVERSATIONS, [(None, *head_values(head))])
    return cast("int", cursor.lastrowid)


def find_accepted(cursor: sqlite3.Cursor, sender_id: str, message_id: str) -> Accepted | None:
    """Return the message that used up an id."""
    found = cursor.execute(
        "SELECT a.message_id, a.seq, a.digest FROM accepted AS a JOIN conversations AS c ON c.id = a.conversation_id "
        "WHERE c.sender_id = ? AND a.message_id = ?",
        (sender_id, message_id),
    ).fetchone()
    return found and Accepted(message_id=found[0], seq=found[1], digest=found[2])

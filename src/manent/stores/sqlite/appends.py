"""Writes appends to the SQLite store, one or many at a time.

`sqlite/rows.py` explains why many appends are written together. The functions run inside the writer's transactions
(`sqlite/writer.py`).
"""

import sqlite3
from collections.abc import Sequence
from typing import cast

import msgspec

from manent.core.conversation_log import Accepted, Append, Head
from manent.stores.head_row import HEAD_COLUMNS, head_values
from manent.stores.sqlite import rows
from manent.stores.sqlite.reminders import change_reminders


class AppendWork(msgspec.Struct, frozen=True, eq=False):
    """An append and the rows to write for it."""

    append: Append
    rows: rows.AppendRows


def append_work(append: Append) -> AppendWork:
    """Prepare an append for the writer."""
    return AppendWork(append, rows.append_rows(append))


def append_together(cursor: sqlite3.Cursor, works: Sequence[tuple[int, AppendWork]]) -> None:
    """Write appends to different conversations.

    Args:
        cursor: a cursor of an open transaction.
        works: pairs of a conversation's row id and an append.

    Raises:
        BulkFailed: an append conflicts with its conversation's state. The caller must roll back the transaction.
    """
    rows.write_rows(cursor, [(number, work.rows) for number, work in works])
    for number, work in works:
        if work.append.reminders and not change_reminders(cursor, number, work.append.reminders):
            raise rows.BulkFailed


def append_to_new(cursor: sqlite3.Cursor, work: AppendWork) -> int:
    """Insert a conversation, write its first append, and return its row id."""
    number = rows.insert_conversation(cursor, work.rows)
    append_together(cursor, [(number, work)])
    return number


def insert_head(cursor: sqlite3.Cursor, head: Head) -> int:
    """Insert a conversation and return its row id."""
    values = head_values(head)
    marks = ", ".join("?" * len(values))
    cursor.execute(f"INSERT INTO conversations ({HEAD_COLUMNS}) VALUES ({marks})", values)
    return cast("int", cursor.lastrowid)


def find_accepted(cursor: sqlite3.Cursor, sender_id: str, message_id: str) -> Accepted | None:
    """Return the accepted message with this id, or None if the conversation has not accepted it."""
    found = cursor.execute(
        "SELECT a.message_id, a.seq, a.digest FROM accepted AS a JOIN conversations AS c ON c.id = a.conversation_id "
        "WHERE c.sender_id = ? AND a.message_id = ?",
        (sender_id, message_id),
    ).fetchone()
    return found and Accepted(message_id=found[0], seq=found[1], digest=found[2])

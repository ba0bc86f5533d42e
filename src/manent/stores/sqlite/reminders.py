"""Implements the reminders of the SQLite store. Only the writer and the readers of the store call these functions."""

import sqlite3
from collections.abc import Iterable
from typing import cast

import msgspec

from manent.core.conversation_log import CancelReminders, FireReminder, Reminder, ReminderChange
from manent.runtime.ports.store import ReminderGone

_FREE = "reminders JOIN conversations ON conversations.id = conversation_id AND handler IS NULL"
"""The reminders of conversations that the bot handles. The others wait."""


def check_reminders(
    cursor: sqlite3.Cursor, conversation_id: int, sender_id: str, changes: Iterable[ReminderChange]
) -> None:
    """Check that the reminders fired by an append exist.

    Raises:
        ReminderGone: a reminder does not exist, or was replaced by a later reminder with the same name.
    """
    for change in changes:
        if isinstance(change, FireReminder):
            found = cursor.execute(
                "SELECT 1 FROM reminders WHERE conversation_id = ? AND name = ? AND seq = ?",
                (conversation_id, change.name, change.seq),
            )
            if found.fetchone() is None:
                raise ReminderGone(sender_id, change.name)


def change_reminders(cursor: sqlite3.Cursor, conversation_id: int, changes: Iterable[ReminderChange]) -> bool:
    """Apply the changes of an append in order. Return False if a reminder to fire does not exist."""
    for change in changes:
        match change:
            case Reminder():
                cursor.execute(
                    "INSERT OR REPLACE INTO reminders (conversation_id, name, seq, due, data) VALUES (?, ?, ?, ?, ?)",
                    (conversation_id, change.name, change.seq, change.due, msgspec.json.encode(change).decode()),
                )
            case CancelReminders():
                _cancel(cursor, conversation_id, change)
            case FireReminder():
                gone = cursor.execute(
                    "DELETE FROM reminders WHERE conversation_id = ? AND name = ? AND seq = ?",
                    (conversation_id, change.name, change.seq),
                )
                if gone.rowcount != 1:
                    return False
    return True


def due_reminders(cursor: sqlite3.Cursor, now: float, limit: int) -> list[Reminder]:
    """Return reminders that are due in conversations that the bot handles, the most overdue first."""
    found = cursor.execute(f"SELECT data FROM {_FREE} WHERE due <= ? ORDER BY due LIMIT ?", (now, limit))
    return [_decode(data) for (data,) in found.fetchall()]


def next_reminder(cursor: sqlite3.Cursor) -> float | None:
    """Return the time of the next reminder of a conversation that the bot handles, or None if there is none."""
    found = cursor.execute(f"SELECT due FROM {_FREE} ORDER BY due LIMIT 1").fetchone()
    return None if found is None else cast("float", found[0])


def _cancel(cursor: sqlite3.Cursor, conversation_id: int, change: CancelReminders) -> None:
    found = cursor.execute("SELECT data FROM reminders WHERE conversation_id = ?", (conversation_id,)).fetchall()
    for reminder in (_decode(data) for (data,) in found):
        if change.matches(reminder):
            cursor.execute(
                "DELETE FROM reminders WHERE conversation_id = ? AND name = ?", (conversation_id, reminder.name)
            )


def _decode(data: str) -> Reminder:
    return msgspec.json.decode(data, type=Reminder)

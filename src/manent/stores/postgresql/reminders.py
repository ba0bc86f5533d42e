"""Applies changes to reminders inside the transaction of an append."""

from collections.abc import Iterable
from typing import Any

import msgspec

from manent.core.conversation_log import CancelReminders, FireReminder, Reminder, ReminderChange
from manent.runtime.ports.store import ReminderGone
from manent.stores.postgresql import sql


async def change_reminders(
    connection: Any, conversation_id: int, sender_id: str, changes: Iterable[ReminderChange]
) -> None:
    """Apply the changes of an append in order.

    Raises:
        ReminderGone: a reminder to fire does not exist, or was replaced by a later reminder with the same name. The
            caller must roll back the transaction.
    """
    for change in changes:
        match change:
            case Reminder():
                data = msgspec.json.encode(change).decode()
                await connection.execute(sql.PUT_REMINDER, conversation_id, change.name, change.seq, change.due, data)
            case CancelReminders():
                found = [decode_reminder(row[0]) for row in await connection.fetch(sql.REMINDERS, conversation_id)]
                for reminder in found:
                    if change.matches(reminder):
                        await connection.execute(sql.DROP_REMINDER, conversation_id, reminder.name)
            case FireReminder():
                if await connection.fetchval(sql.FIRE_REMINDER, conversation_id, change.name, change.seq) is None:
                    raise ReminderGone(sender_id, change.name)


def decode_reminder(data: str) -> Reminder:
    """Decode a stored reminder."""
    return msgspec.json.decode(data, type=Reminder)

"""Computes how the events of a turn change the reminders of its conversation. It does no I/O."""

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Sequence

from manent.core.conversation_log import CancelReminders, FireReminder, LogEntry, Reminder, ReminderChange
from manent.core.events import Event, ReminderCancelled, ReminderScheduled, Restarted, SessionStarted, UserUttered

log = logging.getLogger("manent.reminders")

_REMINDERS = frozenset((ReminderScheduled, ReminderCancelled))


def changes_of(
    sender_id: str,
    entries: Iterable[LogEntry],
    channel: Callable[[], str],
    *,
    fires: FireReminder | None = None,
    schedules: bool = True,
) -> tuple[ReminderChange, ...]:
    """Return the changes of reminders by these entries, in order.

    The removal of the reminder that they fire comes first.

    Args:
        sender_id: key of the conversation.
        entries: the entries to append.
        channel: returns the name of the output channel. Called only if a reminder is scheduled.
        fires: the reminder that caused these entries, if any.
        schedules: whether reminder events have an effect.
    """
    changes: list[ReminderChange] = [] if fires is None else [fires]
    if schedules:
        for entry in entries:
            event = entry.event
            if type(event) not in _REMINDERS:
                continue
            if isinstance(event, ReminderScheduled):
                due = _seconds(event.date_time)
                if due is None:
                    log.warning(
                        "ignored a reminder, because its date_time is not an ISO 8601 time",
                        extra={"sender_id": sender_id},
                    )
                    continue
                changes.append(
                    Reminder(
                        sender_id=sender_id,
                        name=event.name or str(entry.seq),
                        seq=entry.seq,
                        due=due,
                        intent=event.intent,
                        entities=event.entities,
                        channel=channel(),
                        kill_on_user_msg=event.kill_on_user_msg,
                    )
                )
            elif isinstance(event, ReminderCancelled):
                changes.append(CancelReminders(name=event.name, intent=event.intent, entities=event.entities))
    return tuple(changes)


def is_void(reminder: Reminder, later: Sequence[Event]) -> bool:
    """Return whether later events cancel a reminder: a restart, a new session, or a message of the visitor."""
    for event in later:
        match event:
            case Restarted() | SessionStarted():
                return True
            case UserUttered() if reminder.kill_on_user_msg and event.text:
                return True
            case _:
                pass
    return False


def _seconds(date_time: str) -> float | None:
    """Return seconds since the epoch. A time without a zone is in the server's zone, as in Rasa."""
    try:
        return dt.datetime.fromisoformat(date_time).timestamp()
    except (ValueError, OverflowError):
        return None

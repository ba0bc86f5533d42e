"""What a turn's events change about the reminders of its conversation (contract §5.6). Decides, and does nothing."""

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
    """Return what these entries change, in their order, after the reminder that they use up.

    Args:
        sender_id: key of the conversation.
        entries: about to be appended.
        channel: tells the name of the output channel; asked only when a reminder is scheduled.
        fires: the reminder that these entries are the answer to.
        schedules: whether reminder events count.
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
                    log.warning("a reminder's date_time cannot be read", extra={"sender_id": sender_id})
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
    """Whether what happened since a reminder was scheduled makes it void: a restart, a session, a message."""
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
    """Return a time in seconds since the epoch; one without a zone is the server's, as in Rasa."""
    try:
        return dt.datetime.fromisoformat(date_time).timestamp()
    except (ValueError, OverflowError):
        return None

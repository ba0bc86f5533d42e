"""Computes how the events of a turn change the reminders of its conversation. It does no I/O."""

import datetime as dt
import logging
from collections.abc import Callable, Iterable

from manent.core.conversation_log import CancelReminders, FireReminder, LogEntry, Reminder, ReminderChange
from manent.core.events import (
    ActionExecuted,
    Event,
    ReminderCancelled,
    ReminderScheduled,
    Restarted,
    SessionStarted,
    UserUttered,
)
from manent.dialogue.actions import SESSION_START
from manent.dialogue.states import LISTEN

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
    """Return the changes to reminders that these entries cause, in order.

    The first change removes the reminder that caused the entries.

    Args:
        sender_id: key of the conversation.
        entries: the entries to append.
        channel: returns the name of the output channel. It is called only if a reminder is scheduled.
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


class VoidCheck:
    """Checks whether a reminder is cancelled by a later restart, session or message.

    A session that another reminder or an external trigger starts does not cancel the reminder. So all reminders that
    are due together fire. Pass the events in log order to `read`, in one or more calls, then call `is_void`.

    Attributes:
        saw_session: whether a session started after the reminder.
    """

    def __init__(self, reminder: Reminder) -> None:
        self.saw_session = False
        self._reminder = reminder
        self._is_void = False
        self._is_listening = False
        self._has_undecided_session = False

    def read(self, events: Iterable[Event]) -> None:
        """Read the next events."""
        for event in events:
            match event:
                case Restarted():
                    self._is_void = True
                case SessionStarted():
                    self.saw_session = True
                    # If a session expired, the message that starts the next one follows this event. The visitor starts
                    # all other sessions.
                    self._has_undecided_session = self._is_listening
                    self._is_void = self._is_void or not self._is_listening
                case UserUttered():
                    self._read_message(event)
                case ActionExecuted() if event.name != SESSION_START:
                    self._is_listening = event.name == LISTEN
                case _:
                    pass

    def is_void(self) -> bool:
        """Return whether the events that were read cancel the reminder."""
        return self._is_void or self._has_undecided_session

    def _read_message(self, message: UserUttered) -> None:
        is_external = bool((message.metadata or {}).get("is_external"))
        is_killed = self._reminder.kill_on_user_msg and bool(message.text)
        self._is_void = self._is_void or is_killed or (self._has_undecided_session and not is_external)
        self._has_undecided_session = self._is_listening = False


def _seconds(date_time: str) -> float | None:
    """Return seconds since the epoch. A time without a time zone is in the server's time zone, as in Rasa."""
    try:
        return dt.datetime.fromisoformat(date_time).timestamp()
    except (ValueError, OverflowError):
        return None

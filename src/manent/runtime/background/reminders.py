"""Fires reminders when they are due. Reminders are stored, so they survive a restart.

Every server that uses the store looks for due reminders. The append of the reminder's turn also removes the reminder,
so only one server can fire it. Connected sockets receive the messages immediately. Other clients find the messages in
the log. If the reminder was scheduled on a channel that can send without a request, such as `callback`, this channel
sends the messages. A failure to send does not fire the reminder again.
"""

import asyncio
import logging
from collections.abc import Sequence

from manent.core.conversation_log import Append, FireReminder, LogEntry, Reminder
from manent.core.errors import ManentError, RequestError
from manent.core.events import OperatorLeft, ReminderScheduled
from manent.core.handler import HandlerConflict
from manent.runtime import operations
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.reminder_changes import VoidCheck
from manent.runtime.loops import Loop
from manent.runtime.ports.store import ReminderGone, VersionConflict

log = logging.getLogger("manent.reminders")

POLL_INTERVAL_S = 5.0
"""Maximum number of seconds between two reads of the store. They find reminders that other servers have scheduled."""

RETRY_S = 1.0
MAX_RETRY_S = 60.0
"""Pause in seconds before a failed reminder is fired again. The pause doubles with each failure, up to the maximum."""

DUE_AT_ONCE = 100
"""Maximum number of due reminders that one read of the store adds."""

MAX_FIRING = 2_000
"""Maximum number of reminders that are being fired or wait for another attempt."""

FIRING_POLL_S = 0.2
"""Pause in seconds while a reminder is being fired. The store returns it as the next reminder until its turn is
committed."""

_PAGE = 500
"""Number of log entries per read."""


class Reminders:
    """Fires the reminders of all conversations. Open it after the registry and close it before the registry."""

    def __init__(self, conversations: Conversations) -> None:
        self.conversations = conversations
        self.engine = conversations.engine
        self._firing: dict[tuple[str, str, int], asyncio.Task[None]] = {}
        self._loop = Loop("reminders", self._round, metrics=self.engine.metrics)

    async def open(self) -> None:
        """Start firing due reminders."""
        self.engine.log_readers.append(self._notice)
        self._loop.open()

    async def close(self) -> None:
        """Stop. Reminders that become due in the meantime are fired after the next start."""
        self.engine.log_readers.remove(self._notice)
        await self._loop.close()
        tasks = tuple(self._firing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _notice(self, _: str, entries: Sequence[LogEntry]) -> None:
        if any(isinstance(entry.event, ReminderScheduled | OperatorLeft) for entry in entries):
            self._loop.wake()

    async def _round(self) -> float:
        """Fire the due reminders, and return the pause until the next one in seconds."""
        await self._fire_due()
        due = await self.engine.store.next_reminder()
        if due is None:
            return POLL_INTERVAL_S
        delay_s = due - self.engine.leases.now()
        return min(POLL_INTERVAL_S, delay_s if delay_s > 0 else FIRING_POLL_S if self._firing else RETRY_S)

    async def _fire_due(self) -> None:
        if self.engine.is_closing or self.engine.model is None:
            return
        # The store still returns reminders that are being fired, so read enough rows to include other reminders.
        limit = min(DUE_AT_ONCE + len(self._firing), MAX_FIRING)
        for reminder in await self.engine.store.due_reminders(now=self.engine.leases.now(), limit=limit):
            key = (reminder.sender_id, reminder.name, reminder.seq)
            if key not in self._firing:
                task = self._firing[key] = asyncio.create_task(self._fire_until_done(reminder))
                task.add_done_callback(lambda _, key=key: self._firing.pop(key, None))  # type: ignore[misc]

    async def _fire_until_done(self, reminder: Reminder) -> None:
        """Fire one reminder. If the turn fails, the reminder remains in the store and is fired again."""
        extra: dict[str, object] = {"sender_id": reminder.sender_id, "reminder": reminder.name}
        failures = 0
        while True:
            try:
                await self._fire(reminder)
            except (ReminderGone, VersionConflict):
                log.debug("another server fired a reminder first", extra=extra)
                return
            except HandlerConflict:  # the store returns the reminder again after the hand-back
                log.debug("a reminder waits, because a person handles the conversation", extra=extra)
                return
            except RequestError as error:
                log.warning("postponed a reminder", extra={**extra, "code": error.code, "error": error.message})
            except ManentError as error:
                failures += 1
                log.warning("could not fire a reminder", extra={**extra, "code": error.code, "error": error.message})
            except Exception:
                failures += 1
                log.exception("could not fire a reminder", extra=extra)
            else:
                return
            await asyncio.sleep(min(RETRY_S * 2**failures, MAX_RETRY_S))

    async def _fire(self, reminder: Reminder) -> None:
        conversation = self.conversations.get(reminder.sender_id)
        if await self._is_void(conversation, reminder):
            await conversation.perform(lambda alone: _drop(alone, reminder))
            log.debug("dropped a void reminder", extra={"sender_id": reminder.sender_id, "reminder": reminder.name})
            return
        entries = await operations.remind(conversation, reminder)
        output = self.engine.outputs.get(reminder.channel)
        if output is None:
            return
        try:
            await output.send(reminder.sender_id, entries)
        except RequestError as error:
            extra = {"sender_id": reminder.sender_id, "channel": reminder.channel, "code": error.code}
            log.warning("could not send a reminder's messages at once", extra={**extra, "error": error.message})

    async def _is_void(self, conversation: Conversation, reminder: Reminder) -> bool:
        """Return whether later events cancel the reminder or revert the event that scheduled it."""
        check, after = VoidCheck(reminder), reminder.seq
        while True:
            entries = await self.engine.store.entries(reminder.sender_id, after=after, limit=_PAGE)
            check.read(entry.event for entry in entries)
            if len(entries) < _PAGE:
                break
            after = entries[-1].seq
        if check.is_void() or check.saw_session:
            # the tracker contains only events of the newest session, and this event belongs to an earlier session
            return check.is_void()
        return await conversation.perform(lambda alone: _is_reverted(alone, reminder))


async def _is_reverted(conversation: Conversation, reminder: Reminder) -> bool:
    _, tracker = await conversation.record.load()
    if tracker.truncated:
        return False  # the tracker's window possibly does not contain the event
    return not any(
        isinstance(event, ReminderScheduled) and event.intent == reminder.intent for event in tracker.applied
    )


async def _drop(conversation: Conversation, reminder: Reminder) -> None:
    store = conversation.engine.store
    head = await store.head(reminder.sender_id)
    if head is not None:
        fire = FireReminder(name=reminder.name, seq=reminder.seq)
        await store.append(
            Append(head=head, expected_version=head.version, expected_lease=head.lease, reminders=(fire,))
        )

"""Reminders: wakes up when one is due and lets its conversation act on it. The store keeps them beyond the process.

Every server on a store looks for what is due; the append that answers a reminder uses it up, so that one of them wins.
What is said reaches the sockets that are connected, waits in the log for those that aren't, and is sent out when the
reminder was scheduled on a channel that sends on its own.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from manent.core.conversation_log import Append, FireReminder, LogEntry, Reminder
from manent.core.errors import ManentError, RequestError
from manent.core.events import ReminderScheduled
from manent.runtime import operations
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.reminder_changes import is_void
from manent.runtime.ports.store import ReminderGone, VersionConflict

log = logging.getLogger("manent.reminders")

LOOK_EVERY_S = 5.0
"""How often the store is asked, for reminders that other servers scheduled."""

RETRY_S = 1.0
"""After which one that could not be acted on is tried again."""

AT_WORK_S = 0.2
"""How long the next look waits at most while one is being acted on, which is the store's next until it is used up."""

_PAGE = 500


class Reminders:
    """The clock of all conversations. Open it after them, close it before."""

    def __init__(self, conversations: Conversations) -> None:
        self.conversations = conversations
        self._wake = asyncio.Event()
        self._at_work: dict[tuple[str, str, int], asyncio.Task[None]] = {}
        self._clock: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to look for what is due."""
        self.conversations.readers.append(self._notice)
        self._clock = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop; what is due from now on waits for the next start."""
        self.conversations.readers.remove(self._notice)
        tasks = [*self._at_work.values(), *([self._clock] if self._clock is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _notice(self, _: str, entries: Sequence[LogEntry]) -> None:
        if any(isinstance(entry.event, ReminderScheduled) for entry in entries):
            self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            wait_s = LOOK_EVERY_S
            try:
                await self._begin_due()
                due = await self.conversations.store.next_reminder()
                if due is not None:
                    left = due - time.time()
                    wait_s = min(LOOK_EVERY_S, left if left > 0 else AT_WORK_S if self._at_work else RETRY_S)
            except ManentError as error:
                log.warning("could not look for reminders", extra={"code": error.code, "error": error.message})
            try:
                await asyncio.wait_for(self._wake.wait(), wait_s)
            except TimeoutError:
                continue

    async def _begin_due(self) -> None:
        if self.conversations.closing or self.conversations.model is None:
            return
        for reminder in await self.conversations.store.due_reminders(now=time.time()):
            key = (reminder.sender_id, reminder.name, reminder.seq)
            if key not in self._at_work:
                task = self._at_work[key] = asyncio.create_task(self._fire(reminder))
                task.add_done_callback(lambda _, key=key: self._at_work.pop(key, None))  # type: ignore[misc]

    async def _fire(self, reminder: Reminder) -> None:
        """Act on one reminder; what fails is tried again when the store is asked the next time."""
        conversation = self.conversations.get(reminder.sender_id)
        told = {"sender_id": reminder.sender_id, "reminder": reminder.name}
        try:
            if await self._is_void(conversation, reminder):
                await conversation.perform(lambda alone: _drop(alone, reminder))
                log.debug("a reminder is void", extra=told)
                return
            entries = await operations.remind(conversation, reminder)
            output = self.conversations.outputs.get(reminder.channel)
            if output is not None:
                await output.send(reminder.sender_id, entries)
        except (ReminderGone, VersionConflict):
            log.debug("a reminder was somebody else's", extra=told)
        except RequestError as error:
            log.warning("a reminder must wait", extra={**told, "code": error.code, "error": error.message})
        except ManentError as error:
            log.warning("a reminder failed", extra={**told, "code": error.code, "error": error.message})

    async def _is_void(self, conversation: Conversation, reminder: Reminder) -> bool:
        """Whether what happened since it was scheduled makes it void, or took the event that scheduled it back."""
        after = reminder.seq
        while True:
            entries = await self.conversations.store.entries(reminder.sender_id, after=after, limit=_PAGE)
            if is_void(reminder, [entry.event for entry in entries]):
                return True
            if len(entries) < _PAGE:
                break
            after = entries[-1].seq
        return await conversation.perform(lambda alone: _is_taken_back(alone, reminder))


async def _is_taken_back(conversation: Conversation, reminder: Reminder) -> bool:
    _, tracker = await conversation.record.load()
    if tracker.truncated:
        return False  # it may stand before the events at hand
    return not any(
        isinstance(event, ReminderScheduled) and event.intent == reminder.intent for event in tracker.applied
    )


async def _drop(conversation: Conversation, reminder: Reminder) -> None:
    store = conversation.home.store
    head = await store.head(reminder.sender_id)
    if head is not None:
        fire = FireReminder(name=reminder.name, seq=reminder.seq)
        await store.append(
            Append(head=head, expected_version=head.version, expected_lease=head.lease, reminders=(fire,))
        )

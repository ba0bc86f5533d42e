"""What is done to a conversation other than by a message of its visitor: triggers, single actions, events from outside.

Called by the HTTP API and by reminders. Each waits for its turn in the conversation's mailbox and is committed like a
turn; what became visible reaches every socket on its own, and is returned.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from manent.core.conversation_log import FireReminder, LogEntry, Reminder
from manent.core.errors import ManentError
from manent.core.events import Event, Json
from manent.core.messages import UserMessage
from manent.dialogue.turn import Step, Turn
from manent.runtime.conversation import turns
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.ticket import Occasion

DEFAULT_OUTPUT = "collector"
"""Name of the output channel that only collects what is said, for the answer's body."""

LATEST = "latest"


class _Collector:
    """A subscriber that keeps what is committed while it is one."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []

    def deliver(self, entries: Sequence[LogEntry]) -> None:
        self.entries += entries

    def typing(self, *, on: bool) -> None:
        del on

    def changed(self, told: Json) -> None:
        del told

    def failed(self, error: ManentError, *, message_id: str | None, seq: int | None) -> None:
        del error, message_id, seq


async def trigger(
    conversation: Conversation,
    intent: str,
    entities: Any = None,
    *,
    metadata: Json | None = None,
    output_channel: str | None = None,
) -> list[LogEntry]:
    """Act as if the user had meant `intent`.

    Args:
        conversation: known to the store or not.
        intent: declared in the domain.
        entities: a list of entities in Rasa's form, or an object entity → value.
        metadata: of the user event.
        output_channel: see `output_of`.

    Raises:
        ManentError: it was not done.
    """

    def begin(turn: Turn) -> Step:
        channel = output_of(conversation, output_channel)
        return turn.trigger(intent, entities, metadata, channel=channel, input_channel=_latest_input(conversation))

    return await _run(conversation, begin)


async def remind(conversation: Conversation, reminder: Reminder) -> list[LogEntry]:
    """Act on a reminder that is due, on the channel it was scheduled on, and use it up.

    Raises:
        ReminderGone: another server, or a cancellation, was faster; nothing was done.
        ManentError: it was not done, and stays.
    """

    def begin(turn: Turn) -> Step:
        return turn.trigger(
            reminder.intent,
            reminder.entities,
            channel=reminder.channel,
            input_channel=_latest_input(conversation),
        )

    return await _run(conversation, begin, fires=FireReminder(name=reminder.name, seq=reminder.seq))


async def execute(
    conversation: Conversation,
    action: str,
    *,
    policy: str | None = None,
    confidence: float | None = None,
    output_channel: str | None = None,
) -> list[LogEntry]:
    """Run one action, without predicting.

    Raises:
        RequestError: `unknown_action`.
        ManentError: it was not done.
    """
    return await _run(
        conversation,
        lambda turn: turn.execute(
            action, policy=policy, confidence=confidence, channel=output_of(conversation, output_channel)
        ),
    )


async def log_message(conversation: Conversation, message: UserMessage) -> None:
    """Record a message and fill slots from it, without answering.

    Raises:
        ManentError: it was not done.
    """
    await _run(conversation, lambda turn: turn.log_message(message))


async def apply_events(
    conversation: Conversation, events: Sequence[Event], *, schedules: bool = False
) -> list[LogEntry]:
    """Append events that were made outside; `schedules`: reminders among them count.

    Raises:
        ManentError: it was not done.
    """
    return await _run(conversation, lambda turn: turn.apply(events), schedules=schedules)


async def replace_events(conversation: Conversation, events: Sequence[Event]) -> None:
    """Put events in the place of the log; clients are told that it is another one.

    Raises:
        ManentError: it was not done.
    """
    now = time.time()
    stamped = [
        event if event.timestamp is not None else msgspec.structs.replace(event, timestamp=now) for event in events
    ]
    await conversation.perform(lambda alone: alone.replace(stamped))


async def send_out(conversation: Conversation, entries: Sequence[LogEntry], output_channel: str | None) -> None:
    """Send what was said through the output channel, when it is one that sends on its own (sockets have it already).

    Raises:
        RequestError: the channel could not send it.
    """
    output = conversation.home.outputs.get(output_of(conversation, output_channel))
    if output is not None:
        await output.send(conversation.sender_id, entries)


def output_of(conversation: Conversation, asked_for: str | None) -> str:
    """Return the name of the output channel: `latest` is where the visitor last spoke; one that can't send collects."""
    channel = _latest_input(conversation) if asked_for == LATEST else asked_for
    return channel if channel is not None and channel in conversation.home.outputs else DEFAULT_OUTPUT


def is_followed(conversation: Conversation, output_channel: str | None) -> bool:
    """Whether the output channel is one whose sockets follow the log."""
    channel = output_of(conversation, output_channel)
    return channel in conversation.home.outputs and conversation.home.outputs[channel] is None


def _latest_input(conversation: Conversation) -> str | None:
    tracker = conversation.record.tracker
    return tracker.latest_input_channel if tracker is not None else None


async def _run(
    conversation: Conversation,
    begin: Callable[[Turn], Step],
    *,
    fires: FireReminder | None = None,
    schedules: bool = True,
) -> list[LogEntry]:
    async def work(alone: Conversation) -> list[LogEntry]:
        collector = _Collector()
        alone.subscribers.append(collector)
        try:
            await turns.decide(alone, begin, Occasion(fires=fires, schedules=schedules))
        finally:
            alone.subscribers.remove(collector)
        return collector.entries

    return await conversation.perform(work)

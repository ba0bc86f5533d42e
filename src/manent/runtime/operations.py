"""Operations on conversations other than messages: trigger an intent, run an action, append or replace events.

The HTTP API and reminders call them. Each operation runs as a mailbox job and is committed like a turn. New visible
entries are published to all subscribers and returned to the caller.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from manent.core.conversation_log import FireReminder, LogEntry, Reminder
from manent.core.errors import ManentError, RequestError
from manent.core.events import Event, Json, ReminderScheduled
from manent.core.handler import HandlerConflict
from manent.core.messages import UserMessage
from manent.dialogue.turn import Step, Turn
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.successor import Successor, successor_event
from manent.runtime.conversation.ticket import TurnCause

log = logging.getLogger("manent.conversation")

DEFAULT_OUTPUT = "collector"
"""Output channel that only collects bot messages, for the body of the response."""

LATEST = "latest"

BUSY_RETRIES = 60
BUSY_RETRY_S = 1.0


async def trigger(
    conversation: Conversation,
    intent: str,
    entities: Any = None,
    *,
    metadata: Json | None = None,
    output_channel: str | None = None,
) -> list[LogEntry]:
    """Run a turn as if the user had sent `intent`.

    While a person handles the conversation, schedule a reminder instead. It is due after the hand-back.

    Args:
        conversation: may be new.
        intent: an intent of the domain.
        entities: a list of entities in Rasa's format, or an object that maps entity names to values.
        metadata: metadata of the user event.
        output_channel: name of the output channel, or `latest`.

    Raises:
        ManentError: nothing was written, or only a part of the turn was written.
    """

    def begin(turn: Turn) -> Step:
        if not is_with_bot(conversation):
            return turn.apply([_postponed(intent, entities)])
        channel = output_of(conversation, output_channel)
        return turn.trigger(intent, entities, metadata, channel=channel, input_channel=_latest_input(conversation))

    return await run(conversation, begin)


async def remind(conversation: Conversation, reminder: Reminder) -> list[LogEntry]:
    """Run the turn of a due reminder on the channel that scheduled it, and remove the reminder.

    Raises:
        ReminderGone: another server fired the reminder, or it was cancelled. Nothing was written.
        HandlerConflict: a person handles the conversation. The reminder remains and is due after the hand-back.
        ManentError: the turn failed, and the reminder remains.
    """

    def begin(turn: Turn) -> Step:
        _check_with_bot(conversation)
        return turn.trigger(
            reminder.intent,
            reminder.entities,
            channel=reminder.channel,
            input_channel=_latest_input(conversation),
        )

    cause = TurnCause(reminder=FireReminder(name=reminder.name, seq=reminder.seq))
    return await run(conversation, begin, cause)


async def execute(
    conversation: Conversation,
    action: str,
    *,
    policy: str | None = None,
    confidence: float | None = None,
    output_channel: str | None = None,
) -> list[LogEntry]:
    """Run one action that the caller selects, without predicting further actions.

    Raises:
        RequestError: `unknown_action`.
        HandlerConflict: a person handles the conversation.
        ManentError: the action failed.
    """

    def begin(turn: Turn) -> Step:
        _check_with_bot(conversation)
        channel = output_of(conversation, output_channel)
        return turn.execute(action, policy=policy, confidence=confidence, channel=channel)

    return await run(conversation, begin)


async def log_message(conversation: Conversation, message: UserMessage) -> None:
    """Append a message and fill slots from it, without answering it.

    Raises:
        ManentError: nothing was written.
    """
    await run(conversation, lambda turn: turn.log_message(message))


async def apply_events(
    conversation: Conversation,
    events: Sequence[Event],
    *,
    schedules: bool = False,
    output_channel: str | None = None,
) -> list[LogEntry]:
    """Append events from a client.

    Args:
        conversation: may be new.
        events: the events.
        schedules: whether reminder events among them have an effect.
        output_channel: name of the output channel of the bot messages among them, or `latest`. None: they are only
            appended.

    Raises:
        ManentError: nothing was written.
    """

    def begin(turn: Turn) -> Step:
        channel = output_of(conversation, output_channel) if output_channel is not None else ""
        return turn.apply(events, channel=channel)

    return await run(conversation, begin, TurnCause(schedules_reminders=schedules))


async def replace_events(conversation: Conversation, events: Sequence[Event]) -> None:
    """Replace the log's events with these events. Subscribers are notified.

    Raises:
        ManentError: nothing was written.
    """
    now = time.time()
    stamped = [
        event if event.timestamp is not None else msgspec.structs.replace(event, timestamp=now) for event in events
    ]
    await conversation.perform(lambda alone: alone.replace(stamped))


async def name_successor(conversation: Conversation, successor: Successor) -> None:
    """Append the event that names the successor after a reset, when no turn is running.

    Errors are logged and not raised. The event only notifies browser tabs that are connected to other servers, so a
    failure does not undo the reset.
    """
    for _ in range(BUSY_RETRIES):
        try:
            await conversation.perform(lambda alone: _append_successor(alone, successor))
        except RequestError as error:
            if error.code != "busy":
                _log_unnamed_successor(conversation, error)
                return
            await asyncio.sleep(BUSY_RETRY_S)
        except ManentError as error:
            _log_unnamed_successor(conversation, error)
            return
        else:
            return


async def _append_successor(conversation: Conversation, successor: Successor) -> None:
    conversation.record.forget()
    await conversation.turns.finish_open_turn()
    head, _ = await conversation.record.load()
    if head.version > 0:  # the first event of a log must be the session start
        await conversation.feed.append_internal(successor_event(successor, time.time()))


def _log_unnamed_successor(conversation: Conversation, error: ManentError) -> None:
    extra = {"sender_id": conversation.sender_id, "code": error.code}
    log.info("could not notify other servers of a reset", extra=extra)


async def send_out(conversation: Conversation, entries: Sequence[LogEntry], output_channel: str | None) -> None:
    """Send entries over the output channel, if it can send without a request.

    Sockets have already received the entries.

    Raises:
        RequestError: the channel could not send them.
    """
    output = conversation.engine.outputs.get(output_of(conversation, output_channel))
    if output is not None:
        await output.send(conversation.sender_id, entries)


def output_of(conversation: Conversation, asked_for: str | None) -> str:
    """Return the output channel to use.

    `latest` selects the visitor's latest channel. For unknown channels, the messages are only returned in the response.
    """
    channel = _latest_input(conversation) if asked_for == LATEST else asked_for
    return channel if channel is not None and channel in conversation.engine.outputs else DEFAULT_OUTPUT


def is_followed(conversation: Conversation, output_channel: str | None) -> bool:
    """Return whether the output channel's clients are sockets that subscribe to conversations."""
    channel = output_of(conversation, output_channel)
    return channel in conversation.engine.outputs and conversation.engine.outputs[channel] is None


def _latest_input(conversation: Conversation) -> str | None:
    tracker = conversation.record.tracker
    return tracker.latest_input_channel if tracker is not None else None


def is_with_bot(conversation: Conversation) -> bool:
    """Return whether the bot handles the conversation, by its record, which must be loaded."""
    head = conversation.record.head
    return head is None or head.handling.handler == "bot"


def _check_with_bot(conversation: Conversation) -> None:
    head = conversation.record.head
    if head is not None and head.handling.handler != "bot":
        raise HandlerConflict(head, "a person handles the conversation, so the bot does not act")


def _postponed(intent: str, entities: Any) -> Event:
    now = datetime.now(UTC).isoformat()
    return ReminderScheduled(intent=intent, entities=entities, date_time=now, kill_on_user_msg=False)


async def run(
    conversation: Conversation, begin: Callable[[Turn], Step], cause: TurnCause | None = None
) -> list[LogEntry]:
    """Run a turn in the mailbox. Return the visible entries that it committed.

    Raises:
        ManentError: the turn was not written, or only a part of it.
    """
    cause = cause or TurnCause()
    await conversation.perform(lambda alone: alone.turns.decide(begin, cause))
    return cause.entries

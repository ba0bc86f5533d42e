"""The operations of operators on a conversation: taking it, answering, handing it back, writing notes.

`core/handler.py` decides. This module runs each decision as a mailbox job on the current head, and appends the events.
If another server appends first, it decides again. So if two operators take a conversation, one of them succeeds, and
the other receives a `HandlerConflict` with the new head. The desk and protocol 1 call these functions.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from manent.core import handler
from manent.core.conversation_log import Head, LogEntry
from manent.core.errors import ManentError, RequestError
from manent.core.events import AgentUttered, Event, Json, Labelled, Note, Operator, Rated
from manent.core.finite import finite
from manent.core.handler import HandlerConflict
from manent.dialogue.turn import Finished, Step, Turn
from manent.runtime import operations
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.feed import AgentTyping
from manent.runtime.conversation.ticket import OperatorMessage, TurnCause, conversation_changed, message_id_conflict
from manent.runtime.ports.store import DuplicateMessage
from manent.runtime.user_messages import checked_text
from manent.runtime.visitor_messages import is_visible

log = logging.getLogger("manent.desk")

T = TypeVar("T")

PATIENCE_S = 10.0
"""Time for which a request waits if another server runs a turn of the conversation."""

RETRY_S = 0.2

MAX_MESSAGE_ID = 100
"""Maximum number of characters of an operator's message id."""

MAX_DATA = 64_000
"""Maximum size of the data of an operator's message, as JSON, in bytes."""

MAX_REASON = 500
MAX_LABELS = 20
MAX_LABEL = 64
MIN_SCORE, MAX_SCORE = 1, 5

REPEATS = 100
"""Number of newest messages among which a repeated message of an operator is searched."""


async def request_handoff(
    conversation: Conversation, *, reason: str | None = None, priority: int | None = None
) -> Head:
    """Request a person. If a person was already requested or handles the conversation, nothing changes.

    This and the other functions return the head afterwards.

    Raises:
        RequestError: `unknown_conversation`, `too_long`, or `busy`.
        StoreError: nothing was written. The other functions also raise these errors.
    """
    if reason is not None:
        reason = checked_text(reason, MAX_REASON, field="reason")
    return await _change(conversation, lambda head: handler.request(head, reason=reason, priority=priority))


async def take(conversation: Conversation, operator: Operator, *, expected: int | None = None) -> Head:
    """Let an operator take the conversation. Nothing changes if the operator already has it.

    Args:
        conversation: the conversation.
        operator: who takes it.
        expected: the newest `seq` that the operator has seen. The handler must not have changed since. None: any.

    Raises:
        HandlerConflict: another operator has the conversation, or the handler has changed since `expected`.
    """
    return await _change(conversation, lambda head: handler.take(head, operator, expected=expected))


async def say(
    conversation: Conversation,
    operator: Operator,
    *,
    text: str | None,
    message_id: str,
    data: Json | None = None,
    expected: int | None = None,
) -> Head:
    """Send an operator's message to the visitor, and let the operator take the conversation if no operator has it.

    Repeated calls with the same `message_id` send only one message.

    Args:
        conversation: the conversation.
        operator: who sends it.
        text: the text. None or "": only `data`.
        message_id: 1–100 characters, unique among the operators' messages of the conversation.
        data: `buttons`, `quick_replies`, `attachment`, `image`, `elements`, `custom`, as in a bot event.
        expected: as for `take`.

    Raises:
        HandlerConflict: another operator has the conversation, or the handler has changed since `expected`.
        RequestError: `bad_request`, `too_long`, or `message_id_conflict`.
    """
    _check_id(message_id)
    text = checked_text(text or "", conversation.engine.limits.text, field="text")
    data = _checked_data(data)
    said = AgentUttered(text=text, data=data, operator=operator, message_id=message_id)
    if not is_visible(said):
        raise RequestError("bad_request", "the message is empty: it needs text, or data that the visitor can see")
    sent = _message(message_id, [operator.id, text, data])
    try:
        return await _change(
            conversation,
            lambda head: handler.answer(head, said, operator, expected=expected),
            lambda: TurnCause(operator_message=sent),
        )
    except DuplicateMessage as duplicate:
        if duplicate.accepted.digest != sent.digest:
            raise message_id_conflict(message_id) from duplicate
        return await _known_head(conversation)
    except HandlerConflict as conflict:
        if await _was_said(conversation, said):  # a repeated request, after the conversation went to another operator
            return conflict.head
        raise


async def hand_back(
    conversation: Conversation, operator: Operator, *, trigger: str | None = None, note: str | None = None
) -> Head:
    """Return the conversation to the bot. The bot continues where it stopped, and does not answer older messages.

    Args:
        conversation: the conversation.
        operator: the operator who hands the conversation back.
        trigger: an intent. The bot acts as if the visitor had expressed it.
        note: a note for other operators.

    Raises:
        HandlerConflict: another operator has the conversation, or the bot already has it.
        RequestError: `unknown_intent`, `too_long`.
    """
    if trigger is not None and trigger not in conversation.engine.assistant.domain.intents:
        raise RequestError("unknown_intent", f"the domain does not contain the intent {trigger!r}")
    notes = _notes(conversation, operator, note)
    return await _change(
        conversation, lambda head: [*notes, *handler.hand_back(head, operator)], TurnCause, trigger=trigger
    )


async def release(conversation: Conversation, operator: Operator) -> Head:
    """Let an operator leave, so that the conversation waits for another one. For operators who become absent.

    Raises:
        HandlerConflict: the operator does not have the conversation.
    """
    return await _change(conversation, lambda head: handler.release(head, operator))


async def assign(conversation: Conversation, to: Operator, *, by: Operator) -> Head:
    """Assign the conversation to an operator, even if another operator has it."""
    return await _change(conversation, lambda head: handler.assign(head, to, by=by))


async def close(
    conversation: Conversation, operator: Operator, *, note: str | None = None, asks_rating: bool = False
) -> Head:
    """Close the conversation and return it to the bot. The visitor's next message opens it again.

    Args:
        conversation: the conversation.
        operator: who closes it.
        note: a note for other operators.
        asks_rating: whether the visitor is asked for a rating.

    Raises:
        HandlerConflict: another operator has the conversation.
    """
    notes = _notes(conversation, operator, note)
    return await _change(conversation, lambda head: [*notes, *handler.close(head, operator, asks_rating=asks_rating)])


async def note(conversation: Conversation, operator: Operator, text: str, *, message_id: str | None = None) -> Head:
    """Add a note, which only operators see.

    Args:
        conversation: the conversation.
        operator: who writes it.
        text: the text.
        message_id: as for `say`. The same id adds one note, however often the request is repeated.

    Raises:
        RequestError: `bad_request`: the text is empty. `too_long`, or `message_id_conflict`.
    """
    events = _notes(conversation, operator, text)
    if not events:
        raise RequestError("bad_request", "the note is empty")
    if message_id is None:
        return await _append_internal(conversation, lambda _: events)
    _check_id(message_id)
    written = _message(message_id, ["note", operator.id, text])
    try:
        return await _append_internal(conversation, lambda _: events, written)
    except DuplicateMessage as duplicate:
        if duplicate.accepted.digest != written.digest:
            raise message_id_conflict(message_id) from duplicate
        return await _known_head(conversation)


async def label(
    conversation: Conversation, *, add: Sequence[str] = (), remove: Sequence[str] = (), operator: Operator | None = None
) -> Head:
    """Add labels and remove labels.

    Raises:
        RequestError: `bad_request`: too many labels, or a label that is empty or too long.
    """
    wanted = [*add, *remove]
    if not 1 <= len(wanted) <= MAX_LABELS or not all(1 <= len(one.strip()) <= MAX_LABEL for one in wanted):
        raise RequestError("bad_request", f"expected 1 to {MAX_LABELS} labels of 1 to {MAX_LABEL} characters")
    event = Labelled(
        add=[one.strip() for one in add],
        remove=[one.strip() for one in remove],
        operator=operator,
        timestamp=time.time(),
    )
    return await _append_internal(conversation, lambda _: [event])


async def rate(
    conversation: Conversation,
    score: int,
    *,
    comment: str | None = None,
    of: int | None = None,
    epoch: str | None = None,
) -> Head:
    """Store the visitor's rating.

    Args:
        conversation: the conversation.
        score: 1 to 5.
        comment: the visitor's comment.
        of: `seq` of the message that is rated. None: the whole conversation.
        epoch: the epoch that the client expects. None: any epoch.

    Raises:
        RequestError: `bad_request`, `too_long`, `conversation_changed`.
    """
    if not MIN_SCORE <= score <= MAX_SCORE:
        raise RequestError("bad_request", f"score must be a number from {MIN_SCORE} to {MAX_SCORE}")
    if comment is not None:
        comment = checked_text(comment, conversation.engine.limits.text, field="comment") or None
    event = Rated(score=score, comment=comment, of=of, timestamp=time.time())

    def make(head: Head) -> list[Event]:
        if epoch is not None and epoch != head.epoch:
            raise conversation_changed()
        if of is not None and not 1 <= of <= head.version:
            raise RequestError("bad_request", f"of must be the seq of a message; the newest is {head.visible}")
        return [event]

    return await _append_internal(conversation, make)


def typing(conversation: Conversation, *, on: bool) -> None:
    """Show the visitor that the operator is typing or has stopped typing. Nothing is stored."""
    conversation.feed.notify(AgentTyping(on))


async def expire(conversation: Conversation, *, waiting_s: float) -> Head:
    """Return the conversation to the bot if it has been in the queue for longer than `waiting_s` seconds.

    The bot informs the visitor that no operator was available.
    """

    def begin(turn: Turn) -> Step:
        head = _head_of(conversation)
        waiting_since = head.handling.waiting_since
        if waiting_since is None or time.time() - waiting_since < waiting_s:
            return Finished()
        return turn.return_to_bot(handler.expire(head), conversation.record.output_channel())

    return await _run(conversation, begin, TurnCause)


async def _change(
    conversation: Conversation,
    decide: Callable[[Head], list[Event]],
    cause: Callable[[], TurnCause] = TurnCause,
    *,
    trigger: str | None = None,
) -> Head:
    """Append the events that `decide` returns for the current head. Then let the bot act on `trigger`, if given."""

    def begin(turn: Turn) -> Step:
        events = decide(_head_of(conversation))
        if not events:
            return Finished()
        if trigger is None:
            return turn.handle(events, channel=operations.output_of(conversation, operations.LATEST))
        return turn.trigger(trigger, channel=conversation.record.output_channel(), first=events)

    return await _run(conversation, begin, cause)


async def _run(conversation: Conversation, begin: Callable[[Turn], Step], cause: Callable[[], TurnCause]) -> Head:
    channel: str | None = None

    def begin_here(turn: Turn) -> Step:
        nonlocal channel
        channel = operations.output_of(conversation, operations.LATEST)
        return begin(turn)

    async def attempt() -> tuple[Head, list[LogEntry]]:
        await _refresh(conversation)
        entries = await operations.run(conversation, begin_here, cause())
        return await _known_head(conversation), entries

    head, entries = await _patiently(attempt)
    if entries:
        try:
            await operations.send_out(conversation, entries, channel)
        except ManentError as error:
            extra = {"sender_id": conversation.sender_id, "code": error.code, "error": error.message}
            log.warning(
                "could not send an operator's message over the visitor's channel; it is in the log", extra=extra
            )
    return head


async def _append_internal(
    conversation: Conversation, make: Callable[[Head], Sequence[Event]], message: OperatorMessage | None = None
) -> Head:
    def checked(head: Head) -> Sequence[Event]:
        if head.version == 0:  # the first event of a log must be the session start
            raise _unknown_conversation()
        return make(head)

    async def attempt() -> Head:
        await _refresh(conversation)
        await conversation.perform(lambda alone: alone.turns.append_internal(checked, message))
        return await _known_head(conversation)

    return await _patiently(attempt)


async def _patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    """Repeat an attempt while another server is running a turn of the conversation."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await attempt()
        except RequestError as error:
            if error.code != "busy" or time.monotonic() > until:
                raise
        await asyncio.sleep(RETRY_S)


async def _refresh(conversation: Conversation) -> None:
    """Check that the conversation exists, and drop its record if another server has written meanwhile.

    Otherwise, a permitted request could be rejected because of an outdated head.
    """
    head = await _known_head(conversation)
    known = conversation.record.head
    if known is not None and (known.epoch, known.version) != (head.epoch, head.version):
        await conversation.perform(_forget)


async def _forget(alone: Conversation) -> None:
    alone.record.forget()


async def _known_head(conversation: Conversation) -> Head:
    head = await conversation.engine.store.head(conversation.sender_id)
    if head is None:
        raise _unknown_conversation()
    return head


def _head_of(conversation: Conversation) -> Head:
    head = conversation.record.head
    assert head is not None  # noqa: S101  # the turn has loaded it
    return head


def _check_id(message_id: str) -> None:
    if not 1 <= len(message_id) <= MAX_MESSAGE_ID or "\0" in message_id:
        raise RequestError("bad_request", f"message_id must be a string of 1 to {MAX_MESSAGE_ID} characters")


def _message(message_id: str, content: list[Any]) -> OperatorMessage:
    digest = hashlib.sha256(msgspec.json.encode(content)).digest()
    return OperatorMessage(message_id=f"operator:{message_id}", digest=digest)


async def _was_said(conversation: Conversation, said: AgentUttered) -> bool:
    page = await conversation.engine.store.page(conversation.sender_id, limit=REPEATS)
    newest = [entry.event for entry in page.entries] if page is not None else []
    return any(
        isinstance(event, AgentUttered)
        and (event.message_id, event.operator, event.text) == (said.message_id, said.operator, said.text)
        for event in newest
    )


def _notes(conversation: Conversation, operator: Operator, text: str | None) -> list[Event]:
    text = checked_text(text or "", conversation.engine.limits.text, field="note")
    return [Note(text=text, operator=operator, timestamp=time.time())] if text else []


def _checked_data(data: Any) -> Json | None:
    if data is None:
        return None
    if not isinstance(data, dict):
        raise RequestError("bad_request", f"data must be an object; found {type(data).__name__}")
    size = len(msgspec.json.encode(data))
    if size > MAX_DATA:
        raise RequestError("too_long", f"data too long: {size:,} bytes (limit {MAX_DATA:,})", status=413)
    checked: Json = finite(data)
    return checked


def _unknown_conversation() -> RequestError:
    return RequestError("unknown_conversation", "unknown conversation id", status=404)

"""Who handles a conversation: the bot, the queue, or an operator. Decides which changes are possible.

The log contains every change as an event, and `after` computes the current handler from the events. Each function below
`after` determines how a request changes a head. It returns the events to append, or raises `HandlerConflict`. The
caller appends the events to the same head, so if two requests were decided for the same head, only one of them
succeeds.

Rasa's `pause` and `resume` accompany the events, because other programs do not receive the desk's events. No I/O.
"""

from msgspec.structs import replace

from manent.core.conversation_log import BOT, Handling, Head
from manent.core.errors import RequestError
from manent.core.events import (
    AgentUttered,
    ConversationPaused,
    ConversationResumed,
    Event,
    HandoffRequested,
    NextHandler,
    Operator,
    OperatorJoined,
    OperatorLeft,
)

__all__ = [
    "BOT",
    "HandlerConflict",
    "Handling",
    "after",
    "answer",
    "assign",
    "carried",
    "close",
    "expire",
    "hand_back",
    "release",
    "reopened",
    "request",
    "take",
]  # fmt: skip


class HandlerConflict(RequestError):
    """The conversation's current handler does not permit the request. Nothing was written.

    Attributes:
        head: the present head.
    """

    def __init__(self, head: Head, message: str) -> None:
        super().__init__("handler_conflict", message, status=409)
        self.head = head


def after(handling: Handling, event: Event, seq: int) -> Handling:
    """Return the handling after an event with this `seq`."""
    match event:
        case HandoffRequested() if handling.handler == "bot":
            return Handling(handler="queue", since=seq, waiting_since=event.timestamp)
        case OperatorJoined():
            return Handling(handler="human", operator=event.operator, since=seq)
        case OperatorLeft() if event.to.kind == "bot":
            return Handling(since=seq, closed_at=event.timestamp if event.closed else None)
        case OperatorLeft():
            return Handling(handler="queue", since=seq, waiting_since=event.timestamp)
        case _:
            return handling


def reopened(handling: Handling) -> Handling:
    """Return the handling after a visitor's message, which opens a closed conversation again."""
    return handling if handling.closed_at is None else replace(handling, closed_at=None)


def carried(handling: Handling) -> list[Event]:
    """Return the events after which a new log has the same handler, when a log is replaced."""
    match handling.handler:
        case "queue":
            return [HandoffRequested(timestamp=handling.waiting_since), ConversationPaused()]
        case "human":
            assert handling.operator is not None  # noqa: S101  # `human` has an operator
            return [OperatorJoined(operator=handling.operator), ConversationPaused()]
        case "bot" if handling.closed_at is not None:
            return [OperatorLeft(to=NextHandler(kind="bot"), closed=True, timestamp=handling.closed_at)]
        case "bot":
            return []


def request(head: Head, *, reason: str | None = None, priority: int | None = None) -> list[Event]:
    """Request a person. If the conversation is already waiting for an operator or has one, nothing changes."""
    if head.handling.handler != "bot":
        return []
    return [HandoffRequested(reason=reason, priority=priority), ConversationPaused()]


def take(head: Head, operator: Operator, *, expected: int | None = None) -> list[Event]:
    """Let an operator take the conversation. Nothing changes if the operator already has it.

    Args:
        head: the present head.
        operator: who takes it.
        expected: the newest `seq` that the operator has seen. The handler must not have changed since. None: any.

    Raises:
        HandlerConflict: another operator has the conversation, or the handler has changed since `expected`.
    """
    handling = head.handling
    if handling.operator is not None:
        if handling.operator.id == operator.id:
            return []
        raise _taken(head, handling.operator)
    if expected is not None and expected < handling.since:
        raise HandlerConflict(head, "the handler of the conversation has changed since you loaded it")
    joined = OperatorJoined(operator=operator)
    return [joined, ConversationPaused()] if handling.handler == "bot" else [joined]


def answer(head: Head, message: AgentUttered, operator: Operator, *, expected: int | None = None) -> list[Event]:
    """Let an operator answer, and let the operator take the conversation if no operator has it, like `take`."""
    return [*take(head, operator, expected=expected), message]


def hand_back(head: Head, operator: Operator) -> list[Event]:
    """Return the conversation to the bot.

    Raises:
        HandlerConflict: another operator has the conversation, or the bot already has it.
    """
    if head.handling.handler == "bot":
        raise HandlerConflict(head, "the bot already handles the conversation")
    _check_own(head, operator)
    return _to_bot(operator)


def release(head: Head, operator: Operator) -> list[Event]:
    """Let an operator leave, so that the conversation waits for another one.

    Raises:
        HandlerConflict: the operator does not have the conversation.
    """
    if head.handling.operator is None:
        raise HandlerConflict(head, "no operator handles the conversation")
    _check_own(head, operator)
    return [OperatorLeft(operator=operator, to=NextHandler(kind="queue"))]


def assign(head: Head, to: Operator, *, by: Operator) -> list[Event]:
    """Assign the conversation to an operator, even if another operator has it."""
    present = head.handling.operator
    if present is None:
        return take(head, to)
    if present.id == to.id:
        return []
    left = OperatorLeft(
        operator=present, to=NextHandler(kind="operator", operator_id=to.id), metadata={"assigned_by": by.id}
    )
    return [left, OperatorJoined(operator=to)]


def close(head: Head, operator: Operator, *, asks_rating: bool = False) -> list[Event]:
    """Close the conversation and return it to the bot. Nothing changes if it is closed.

    Raises:
        HandlerConflict: another operator has the conversation.
    """
    if head.handling.closed_at is not None:
        return []
    _check_own(head, operator)
    events = _to_bot(operator, closed=True, asks_rating=asks_rating)
    return events if head.handling.handler != "bot" else events[:1]


def expire(head: Head) -> list[Event]:
    """Return to the bot a conversation that no operator has taken in time.

    If the conversation is not waiting, nothing changes.
    """
    return _to_bot(None) if head.handling.handler == "queue" else []


def _to_bot(operator: Operator | None, *, closed: bool = False, asks_rating: bool = False) -> list[Event]:
    to = NextHandler(kind="bot")
    return [OperatorLeft(operator=operator, to=to, closed=closed, asks_rating=asks_rating), ConversationResumed()]


def _check_own(head: Head, operator: Operator) -> None:
    present = head.handling.operator
    if present is not None and present.id != operator.id:
        raise _taken(head, present)


def _taken(head: Head, present: Operator) -> HandlerConflict:
    return HandlerConflict(head, f"{present.name!r} handles the conversation")

"""Requests of operators: what they change, and when they are refused."""

import pytest
from msgspec.structs import replace

from manent.core import handler
from manent.core.conversation_log import BOT, Handling, Head
from manent.core.events import (
    ConversationPaused,
    ConversationResumed,
    HandoffRequested,
    NextHandler,
    Operator,
    OperatorJoined,
    OperatorLeft,
)
from manent.core.handler import HandlerConflict

ADA = Operator(id="1", name="Ada")
BO = Operator(id="2", name="Bo")
HEAD = Head(sender_id="visitor", epoch="e", version=20)
QUEUED = replace(HEAD, handling=Handling(handler="queue", since=10, waiting_since=5.0))
WITH_ADA = replace(HEAD, handling=Handling(handler="human", operator=ADA, since=12))


def test_request_queues_once() -> None:
    """A request pauses the bot. Requests while a person is requested or present change nothing."""
    assert handler.request(HEAD, reason="angry", priority=2) == [
        HandoffRequested(reason="angry", priority=2),
        ConversationPaused(),
    ]
    assert handler.request(QUEUED) == []
    assert handler.request(WITH_ADA) == []


def test_take_from_the_bot_pauses_it() -> None:
    """Without a request before, taking pauses the bot. From the queue, the bot is paused already."""
    assert handler.take(HEAD, ADA) == [OperatorJoined(operator=ADA), ConversationPaused()]
    assert handler.take(QUEUED, ADA) == [OperatorJoined(operator=ADA)]


def test_second_taker_is_told_who_was_first() -> None:
    """The conflict names the operator who has the conversation."""
    with pytest.raises(HandlerConflict, match="'Ada' handles the conversation") as caught:
        handler.take(WITH_ADA, BO)
    assert caught.value.head is WITH_ADA


def test_take_with_an_outdated_page_is_refused() -> None:
    """Whoever saw the conversation before its handler changed is refused; newer messages alone do not matter."""
    with pytest.raises(HandlerConflict, match="has changed"):
        handler.take(QUEUED, ADA, expected=9)
    assert handler.take(QUEUED, ADA, expected=10) == [OperatorJoined(operator=ADA)]


def test_hand_back_resumes_the_bot() -> None:
    """Handing back resumes the bot, also from the queue. Only the present operator may do it."""
    left = OperatorLeft(operator=ADA, to=NextHandler(kind="bot"))
    assert handler.hand_back(WITH_ADA, ADA) == [left, ConversationResumed()]
    assert handler.hand_back(QUEUED, ADA) == [left, ConversationResumed()]
    with pytest.raises(HandlerConflict, match="'Ada' handles"):
        handler.hand_back(WITH_ADA, BO)
    with pytest.raises(HandlerConflict, match="the bot already handles"):
        handler.hand_back(HEAD, ADA)


def test_release_returns_to_the_queue() -> None:
    """An operator who leaves puts the conversation back into the queue; the bot stays paused."""
    assert handler.release(WITH_ADA, ADA) == [OperatorLeft(operator=ADA, to=NextHandler(kind="queue"))]
    with pytest.raises(HandlerConflict, match="no operator"):
        handler.release(QUEUED, ADA)


def test_assign_names_both() -> None:
    """Assigning lets the present operator leave and the other one join, in one append."""
    left = OperatorLeft(
        operator=ADA, to=NextHandler(kind="operator", operator_id="2"), metadata={"assigned_by": "chief"}
    )
    chief = Operator(id="chief", name="Chief")
    assert handler.assign(WITH_ADA, BO, by=chief) == [left, OperatorJoined(operator=BO)]
    assert handler.assign(QUEUED, BO, by=chief) == [OperatorJoined(operator=BO)]
    assert handler.assign(WITH_ADA, ADA, by=chief) == []


def test_close_and_reopen() -> None:
    """Closing is a hand-back that the handling remembers until the visitor writes again."""
    events = handler.close(WITH_ADA, ADA, asks_rating=True)
    left = OperatorLeft(operator=ADA, to=NextHandler(kind="bot"), closed=True, asks_rating=True)
    assert events == [left, ConversationResumed()]
    closed = handler.after(WITH_ADA.handling, replace(left, timestamp=7.0), 21)
    assert closed == Handling(since=21, closed_at=7.0)
    assert handler.close(replace(HEAD, handling=closed), ADA) == []
    assert handler.reopened(closed) == Handling(since=21)
    assert handler.reopened(BOT) is BOT


def test_only_the_queue_expires() -> None:
    """A conversation that waits too long returns to the bot; others are unchanged."""
    assert handler.expire(QUEUED) == [OperatorLeft(to=NextHandler(kind="bot")), ConversationResumed()]
    assert handler.expire(WITH_ADA) == []
    assert handler.expire(HEAD) == []

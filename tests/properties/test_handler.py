"""The laws of who handles a conversation hold for every sequence of requests."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from manent.core import handler
from manent.core.conversation_log import Head
from manent.core.events import (
    AgentUttered,
    ConversationPaused,
    ConversationResumed,
    Event,
    Operator,
    OperatorJoined,
    OperatorLeft,
)
from manent.core.handler import HandlerConflict

OPERATORS = tuple(Operator(id=name, name=name.title()) for name in ("ada", "bo", "cy"))

operators = st.sampled_from(OPERATORS)
Decision = Callable[[Head], list[Event]]


def _say(operator: Operator) -> Decision:
    return lambda head: handler.answer(head, AgentUttered(text="hello", operator=operator), operator)


decisions: st.SearchStrategy[Decision] = st.one_of(
    st.just(lambda head: handler.request(head, reason="asked")),
    st.just(handler.expire),
    operators.map(lambda one: lambda head: handler.take(head, one)),
    operators.map(_say),
    operators.map(lambda one: lambda head: handler.hand_back(head, one)),
    operators.map(lambda one: lambda head: handler.release(head, one)),
    operators.map(lambda one: lambda head: handler.close(head, one)),
    st.tuples(operators, operators).map(lambda two: lambda head: handler.assign(head, two[0], by=two[1])),
)


def _add(head: Head, events: list[Event]) -> Head:
    for event in events:
        seq = head.version + 1
        head = replace(head, version=seq, handling=handler.after(head.handling, event, seq))
    return head


def _play(steps: list[Decision]) -> tuple[Head, list[Event]]:
    head, log = Head(sender_id="ada", epoch="e"), list[Event]()
    for decide in steps:
        try:
            events = decide(head)
        except HandlerConflict:
            continue
        head = _add(head, [replace(event, timestamp=float(len(log))) for event in events])
        log += events
    return head, log


@given(st.lists(decisions, max_size=30))
def test_one_person_at_a_time(steps: list[Decision]) -> None:
    """Between `operator_joined` and `operator_left` of one person, nobody else joins, and only that person speaks."""
    present: str | None = None
    for event in _play(steps)[1]:
        match event:
            case OperatorJoined():
                assert present is None
                present = event.operator.id
            case OperatorLeft():
                assert present is None or (event.operator is not None and event.operator.id == present)
                present = None
            case AgentUttered():
                assert event.operator
                assert event.operator.id == present


@given(st.lists(decisions, max_size=30))
def test_pause_follows_the_handler(steps: list[Decision]) -> None:
    """After each request, the bot is paused exactly if it does not handle the conversation."""
    for count in range(len(steps) + 1):
        head, log = _play(steps[:count])
        paused = False
        for event in log:
            paused = isinstance(event, ConversationPaused) or (paused and not isinstance(event, ConversationResumed))
        assert paused == (head.handling.handler != "bot")


@given(st.lists(decisions, max_size=30))
def test_handler_is_consistent(steps: list[Decision]) -> None:
    """An operator is named exactly while one handles the conversation, and a waiting time exactly in the queue."""
    handling = _play(steps)[0].handling
    assert (handling.operator is not None) == (handling.handler == "human")
    assert (handling.waiting_since is not None) == (handling.handler == "queue")
    assert handling.closed_at is None or handling.handler == "bot"


@given(st.lists(decisions, max_size=15), operators, operators)
def test_of_two_who_take_one_wins(steps: list[Decision], one: Operator, other: Operator) -> None:
    """If two operators take a conversation, the second one gets a conflict that names the first one."""
    head, _ = _play(steps)
    try:
        head = _add(head, handler.take(head, one))
    except HandlerConflict:
        return
    if one == other:
        assert handler.take(head, other) == []
        return
    with pytest.raises(HandlerConflict) as conflict:
        handler.take(head, other)
    assert conflict.value.head.handling.operator == one

"""What the events of a log change in the tables of the desk."""

import itertools
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from manent.core.conversation_log import Head, LogEntry, View
from manent.core.events import (
    ActionExecuted,
    ActiveLoop,
    AgentUttered,
    BotUttered,
    Event,
    HandoffRequested,
    Labelled,
    NextHandler,
    Note,
    Operator,
    OperatorJoined,
    OperatorLeft,
    Rated,
    SlotSet,
    UserUttered,
)
from manent.desk.reading import DAY_S, advance, class_duration, duration_class
from manent.runtime.ports.desk import ListRow, Read

ADA = Operator(id="ada", name="Ada")
HEAD = Head(sender_id="vera", epoch="e1")


def user(text: str, intent: str = "greet", confidence: float = 0.9) -> UserUttered:
    """Return a message of the visitor."""
    parsed = {"text": text, "intent": {"name": intent, "confidence": confidence}}
    return UserUttered(text=text, parse_data=parsed, input_channel="rest")


EVENTS: list[Event] = [
    user("hello"),
    user("what?", "nlu_fallback", 0.3),
    user("/greet"),
    BotUttered(text="Hello."),
    AgentUttered(text="Hi", operator=ADA, message_id="m"),
    Note(text="a note", operator=ADA),
    HandoffRequested(reason="r"),
    OperatorJoined(operator=ADA),
    OperatorLeft(operator=ADA, to=NextHandler(kind="bot")),
    OperatorLeft(operator=ADA, to=NextHandler(kind="queue")),
    Labelled(add=["vip", "new"]),
    Labelled(remove=["vip"]),
    Rated(score=5),
    ActiveLoop(name="order_form"),
    SlotSet(name="requested_slot", value="size"),
    SlotSet(name="requested_slot", value="color"),
    SlotSet(name="requested_slot", value=None),
    ActiveLoop(name=None),
    ActionExecuted(name="action_default_fallback"),
]


def log_of(events: list[Event], *, step_s: float = 10.0) -> list[LogEntry]:
    """Return a log of these events."""
    visible = (UserUttered, BotUttered, AgentUttered)
    return [
        LogEntry(
            seq=seq,
            event=_at(event, 1_000_000.0 + seq * step_s),
            view=View(prev=0) if isinstance(event, visible) else None,
        )
        for seq, event in enumerate(events, 1)
    ]


def _at(event: Event, time: float) -> Event:
    import msgspec

    return msgspec.structs.replace(event, timestamp=time)


def read(entries: list[LogEntry], sizes: list[int]) -> tuple[ListRow | None, list[Read]]:
    """Read a log in batches of these sizes."""
    row: ListRow | None = None
    reads: list[Read] = []
    rest, size = entries, itertools.cycle(sizes)
    while rest:
        count = next(size)
        found = advance(HEAD, row, rest[:count], now=1_000_000.0)
        assert found.before == (None if row is None else (row.epoch, row.seq))
        row, rest = found.row, rest[count:]
        reads.append(found)
    return row, reads


def sums(reads: list[Read]) -> Counter[tuple[int, str, str]]:
    """Return the sums of all counts."""
    found: Counter[tuple[int, str, str]] = Counter()
    for one in reads:
        for count in one.counts:
            found[count.day, count.name, count.key] += int(count.value)
    return found


@given(
    st.lists(st.sampled_from(EVENTS), min_size=1, max_size=40),
    st.lists(st.integers(1, 7), min_size=1, max_size=5),
    st.sampled_from([1.0, 3_600.0, 50_000.0]),
)
def test_batches_make_no_difference(events: list[Event], sizes: list[int], step_s: float) -> None:
    """The division of a log into batches does not change its row, texts and numbers."""
    entries = log_of(events, step_s=step_s)
    row, reads = read(entries, sizes)
    whole, once = read(entries, [len(entries)])

    assert row == whole
    assert sums(reads) == sums(once)
    assert [text for one in reads for text in one.texts] == list(once[0].texts)


def totals(*events: Event) -> dict[str, Any]:
    """Return the sums of a log over all days."""
    found: Counter[str] = Counter()
    for (_, name, key), value in sums(read(log_of(list(events)), [100])[1]).items():
        found[f"{name}/{key}" if key else name] += value
    return dict(found)


def test_a_fallback_counts_once_for_each_message() -> None:
    """The intent and the action of a fallback count as one fallback."""
    found = totals(user("x", "nlu_fallback"), ActionExecuted(name="action_default_fallback"), user("hello"))
    assert (found["fallbacks"], found["messages/user"], found["conversations"]) == (1, 2, 1)


def test_forms_count_where_visitors_stop() -> None:
    """A slot that was requested and not answered counts only as requested."""
    found = totals(
        ActiveLoop(name="order_form"),
        SlotSet(name="requested_slot", value="size"),
        SlotSet(name="requested_slot", value="size"),
        SlotSet(name="requested_slot", value="color"),
    )
    assert found == {
        "form_asked/order_form\nsize": 1,
        "form_answered/order_form\nsize": 1,
        "form_asked/order_form\ncolor": 1,
    }


def test_waiting_and_response_times() -> None:
    """The waiting time ends when an operator joins, the response time with the operator's next message."""
    found = totals(
        user("help"), HandoffRequested(), OperatorJoined(operator=ADA), user("are you there?"), user("hello?"),
        AgentUttered(text="Yes", operator=ADA, message_id="m"),
    )  # fmt: skip
    assert found[f"waiting/{duration_class(10.0)}"] == 1
    assert found[f"response/{duration_class(20.0)}"] == 1
    assert (found["handoffs"], found["handed"]) == (1, 1)


def test_durations_are_nearly_exact() -> None:
    """The middle of the class of a duration differs from the duration by less than a tenth."""
    for seconds in (1.0, 9.5, 60.0, 3_600.0, DAY_S * 3.0):
        assert abs(class_duration(duration_class(seconds)) / seconds - 1) < 0.1
    assert duration_class(0.0) == 0
    assert class_duration(0) == 0.0


def test_payloads_are_not_reviewed() -> None:
    """The search and the review do not contain payloads of buttons. The search contains their titles."""
    plain = log_of([user("/greet")])
    titled = [LogEntry(seq=1, event=plain[0].event, view=View(prev=0, title="Say hello"))]
    assert advance(HEAD, None, plain, now=0.0).texts == ()
    [text] = advance(HEAD, None, titled, now=0.0).texts
    assert (text.text, text.intent) == ("Say hello", None)

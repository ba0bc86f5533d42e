"""A tracker is a function of its log, however the log is cut."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from manent.core.domain import Domain, Form, Slot
from manent.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActionReverted,
    ActiveLoop,
    AllSlotsReset,
    BotUttered,
    ConversationPaused,
    ConversationResumed,
    DefinePrevUserUtteredFeaturization,
    Event,
    FollowupAction,
    LoopInterrupted,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUtteranceReverted,
    UserUttered,
    decode_event,
    encode_event,
)
from manent.core.tracker import Tracker, WindowExceeded
from manent.dialogue.states import Featurizer, History, history_of

DOMAIN = Domain(
    slots={"a": Slot(name="a"), "b": Slot(name="b", type="bool", initial_value=False)},
    forms={"form": Form(name="form", required_slots=("a",))},
)
FEATURIZER = Featurizer(DOMAIN)

actions = st.sampled_from(["action_listen", "form", "utter_x"])
loops = st.sampled_from(["form", None])
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(ActionExecuted, name=actions, hide_rule_turn=st.booleans()),
    st.builds(
        lambda intent: UserUttered(text=intent, parse_data={"intent": {"name": intent}, "entities": []}),
        st.sampled_from(["hi", "go"]),
    ),
    st.builds(SlotSet, name=st.sampled_from(["a", "b", "unknown"]), value=st.sampled_from([None, True, "x"])),
    st.builds(ActiveLoop, name=loops),
    st.builds(ActionExecutionRejected, name=actions),
    st.builds(LoopInterrupted, is_loop_interrupted=st.booleans()),
    st.builds(DefinePrevUserUtteredFeaturization, use_text_for_featurization=st.booleans()),
    st.builds(FollowupAction, name=actions),
    st.sampled_from(
        [
            BotUttered(text="x"), UserUtteranceReverted(), ActionReverted(), AllSlotsReset(), ConversationPaused(),
            ConversationResumed(),
        ]
    ),
    st.sampled_from([Restarted(), SessionStarted()]),
)  # fmt: skip


def fold(log: list[Event]) -> Tracker:
    """Return a tracker of this log."""
    tracker = Tracker(sender_id="someone", domain=DOMAIN)
    for event in log:
        tracker.update(event)
    return tracker


def seen(tracker: Tracker) -> dict[str, Any]:
    """Return all that can be asked of a tracker."""
    return {
        "state": tracker.state,
        "slots": tracker.slots(),
        "applied": tracker.applied,
        "version": tracker.version,
        "intents": tracker.recent_intents,
        "loops": tracker.loops,
        "started": tracker.session_started,
    }


@given(log=st.lists(events, max_size=60), data=st.data())
def test_any_split_replays_to_the_same_tracker(log: list[Event], data: st.DataObject) -> None:
    """A tracker that was dumped and loaded anywhere in the log ends up as one that read it in one go."""
    cut = data.draw(st.integers(0, len(log)))
    first = fold(log[:cut])
    second = Tracker.load("someone", DOMAIN, first.dump())
    for event in log[cut:]:
        second.update(event)

    assert seen(second) == seen(fold(log))


@given(log=st.lists(events, max_size=60))
def test_stored_events_replay_to_the_same_tracker(log: list[Event]) -> None:
    """Events that went through a store add up to the same."""
    assert seen(fold([decode_event(encode_event(event)) for event in log])) == seen(fold(log))


@given(log=st.lists(events, max_size=80), keep=st.integers(1, 6))
def test_trimming_shows_nowhere(log: list[Event], keep: int) -> None:
    """A tracker that is trimmed after each event has the same state, or says that it lacks the beginning."""
    trimmed = Tracker(sender_id="someone", domain=DOMAIN)
    for number, event in enumerate(log, start=1):
        try:
            trimmed.update(event)
        except WindowExceeded:
            return
        trimmed.trim(keep)
        whole = fold(log[:number])
        assert trimmed.state == whole.state
        assert trimmed.applied == whole.applied[len(whole.applied) - len(trimmed.applied) :]
        assert sum(isinstance(each, ActionExecuted) for each in trimmed.applied) <= 2 * keep


@given(log=st.lists(events, max_size=80), keep=st.integers(1, 6))
def test_states_outlive_trimming(log: list[Event], keep: int) -> None:
    """The newest states are the same whether or not the tracker lets go of old events."""
    trimmed = Tracker(sender_id="someone", domain=DOMAIN)
    for event in log:
        try:
            trimmed.update(event)
        except WindowExceeded:
            return
        trimmed.trim(keep)
        history = history_of(trimmed, FEATURIZER)
        fresh = History(FEATURIZER)
        fresh.follow(trimmed)
        assert history.full == fresh.full
        assert history.current() == fresh.current()
        assert history.whole == fresh.whole


@given(log=st.lists(events, max_size=60))
@settings(deadline=None)
def test_states_follow_the_log(log: list[Event]) -> None:
    """States that are kept up event by event equal those that are derived at the end."""
    tracker = Tracker(sender_id="someone", domain=DOMAIN)
    for event in log:
        tracker.update(event)
        history = history_of(tracker, FEATURIZER)
    fresh = History(FEATURIZER)
    fresh.follow(fold(log))
    if log:
        assert history.full == fresh.full
        assert history.current() == fresh.current()
        assert history.shown() == fresh.shown()

"""What each event does to a tracker, and what is left of a session when turns are taken back."""

import pytest

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
    EntitiesAdded,
    Event,
    FollowupAction,
    LoopInterrupted,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUtteranceReverted,
    UserUttered,
)
from manent.core.tracker import Tracker, WindowExceeded

DOMAIN = Domain(
    slots={"a": Slot(name="a"), "b": Slot(name="b", initial_value="start")},
    forms={"form": Form(name="form", required_slots=("a",))},
)
LISTEN = ActionExecuted(name="action_listen")


def heard(intent: str) -> UserUttered:
    """Return a message of this intent."""
    return UserUttered(text=intent, parse_data={"intent": {"name": intent}, "entities": []}, input_channel="rest")


def did(name: str) -> ActionExecuted:
    """Return an action."""
    return ActionExecuted(name=name)


def tracker_of(*events: Event) -> Tracker:
    """Return a tracker that has taken these events in, in a session of its own."""
    tracker = Tracker(sender_id="someone", domain=DOMAIN)
    for event in (did("action_session_start"), SessionStarted(), LISTEN, *events):
        tracker.update(event)
    return tracker


def intents(tracker: Tracker) -> list[str | None]:
    """Return the intents of the messages that are left."""
    return [event.intent for event in tracker.applied if isinstance(event, UserUttered)]


def test_slots_have_initial_values() -> None:
    """A slot that was not set has its initial value; one that the domain lacks has none and is not kept."""
    tracker = tracker_of(SlotSet(name="a", value=1), SlotSet(name="unknown", value=2))

    assert tracker.slots() == {"a": 1, "b": "start"}
    assert tracker.slots().get("unknown") is None
    assert tracker.version == 5


def test_resetting_slots() -> None:
    """All slots go back to their initial values."""
    assert tracker_of(SlotSet(name="b", value=1), AllSlotsReset()).slots() == {"a": None, "b": "start"}


def test_pause_and_resume() -> None:
    """A pause lasts until it is taken off."""
    assert tracker_of(ConversationPaused()).state.paused
    assert not tracker_of(ConversationPaused(), ConversationResumed()).state.paused


def test_followup_is_cleared_by_what_follows() -> None:
    """An action or a message clears the follow-up action."""
    assert tracker_of(FollowupAction(name="x")).state.followup_action == "x"
    assert tracker_of(FollowupAction(name="x"), did("x")).state.followup_action is None
    assert tracker_of(FollowupAction(name="x"), heard("hi")).state.followup_action is None


def test_loop_remembers_what_opened_it() -> None:
    """An active loop keeps the parse result of the message that opened it."""
    loop = tracker_of(heard("go"), did("form"), ActiveLoop(name="form")).state.active_loop

    assert loop is not None
    assert loop.trigger_message == {"intent": {"name": "go"}, "entities": []}


def test_rejection_lasts_until_the_loop_runs() -> None:
    """A loop stays rejected while other actions run; its interruption ends with any action."""
    opened = (heard("go"), did("form"), ActiveLoop(name="form"), LISTEN, heard("chat"))
    tracker = tracker_of(*opened, ActionExecutionRejected(name="form"), LoopInterrupted(is_loop_interrupted=True))
    assert tracker.state.active_loop is not None
    assert (tracker.state.active_loop.rejected, tracker.state.active_loop.is_interrupted) == (True, True)

    tracker.update(did("utter_chat"))
    assert (tracker.state.active_loop.rejected, tracker.state.active_loop.is_interrupted) == (True, False)
    tracker.update(did("form"))
    assert not tracker.state.active_loop.rejected


def test_entities_are_added_to_the_message() -> None:
    """Entities found later belong to the latest message."""
    tracker = tracker_of(heard("hi"), EntitiesAdded(entities=[{"entity": "e", "value": 1}]))

    assert tracker.state.latest_message is not None
    assert tracker.state.latest_message.entities == [{"entity": "e", "value": 1}]


def test_rewind_takes_the_last_turn_back() -> None:
    """A rewind drops the last message with all that came of it, and the listening before it."""
    tracker = tracker_of(
        heard("one"), SlotSet(name="a", value=1), did("x"), LISTEN,
        heard("two"), SlotSet(name="a", value=2), did("y"), UserUtteranceReverted(),
    )  # fmt: skip

    assert intents(tracker) == ["one"]
    assert tracker.slots().get("a") == 1
    assert tracker.latest_action_name == "x"


def test_rewind_of_everything_asks_to_listen() -> None:
    """With nothing left the bot is to listen."""
    tracker = tracker_of(heard("one"), did("x"), UserUtteranceReverted())

    assert tracker.applied == []
    assert tracker.state.followup_action == "action_listen"


def test_undo_takes_the_last_action_back() -> None:
    """An undo drops the last action with what came of it."""
    tracker = tracker_of(heard("one"), did("x"), SlotSet(name="a", value=1), ActionReverted())

    assert tracker.latest_action_name == "action_listen"
    assert tracker.slots().get("a") is None


def test_restart_wipes() -> None:
    """A restart forgets everything and asks for a session start."""
    tracker = tracker_of(heard("one"), SlotSet(name="a", value=1), ConversationPaused(), Restarted())

    assert tracker.slots() == {"a": None, "b": "start"}
    assert not tracker.state.paused
    assert tracker.applied == []
    assert tracker.state.followup_action == "action_session_start"
    assert tracker.recent_intents == ()


FORM_TURN = (heard("go"), did("form"), ActiveLoop(name="form"), LISTEN)


def test_turn_that_answers_a_form_is_collapsed() -> None:
    """When a form runs again, the message that it took is no longer a turn of its own; its slots stay."""
    tracker = tracker_of(*FORM_TURN, heard("answer"), SlotSet(name="a", value=1), did("form"), LISTEN)

    assert intents(tracker) == ["go"]
    assert tracker.slots().get("a") == 1


def test_collapsed_message_lasts_until_the_bot_listens() -> None:
    """Actions of the same turn still find the message that the form took."""
    tracker = tracker_of(*FORM_TURN, heard("answer"), did("form"), ActiveLoop(name=None), did("submit"))
    assert tracker.state.latest_message is not None
    assert tracker.state.latest_message.intent == "answer"

    tracker.update(LISTEN)
    assert tracker.state.latest_message.intent == "go"


def test_rejected_turn_is_not_collapsed() -> None:
    """A turn that the form declined stays, also when the form asks again."""
    tracker = tracker_of(
        *FORM_TURN, heard("chat"), ActionExecutionRejected(name="form"), did("utter_chat"), did("form"), LISTEN
    )

    assert intents(tracker) == ["go", "chat"]


def test_form_after_a_form_is_not_collapsed() -> None:
    """A second activation is a turn of its own."""
    tracker = tracker_of(*FORM_TURN, heard("x"), did("form"), ActiveLoop(name=None), LISTEN, heard("again"),
                         did("form"), ActiveLoop(name="form"), LISTEN)  # fmt: skip

    assert intents(tracker) == ["go", "again"]


def test_back_leaves_a_form() -> None:
    """Taking two turns back from inside a form takes the turn back that opened it."""
    tracker = tracker_of(
        *FORM_TURN, heard("answer"), SlotSet(name="a", value=1), did("form"), LISTEN,
        heard("back"), did("action_back"), UserUtteranceReverted(), UserUtteranceReverted(),
    )  # fmt: skip

    assert tracker.active_loop_name is None
    assert tracker.slots().get("a") is None


def test_recent_intents_remember_reverts() -> None:
    """The newest three turns are remembered, whatever became of them."""
    tracker = tracker_of(heard("one"), UserUtteranceReverted(), heard("two"), heard("three"))

    assert tracker.recent_intents == (None, "two", "three")


def _long(turns: int) -> Tracker:
    events: list[Event] = []
    for number in range(turns):
        events += [heard(f"i{number}"), SlotSet(name="a", value=number), did("x"), BotUttered(text="x"), LISTEN]
    return tracker_of(*events)


def test_trimming_changes_nothing_that_shows() -> None:
    """A trimmed tracker has the same slots, loop and messages, and holds at least the actions it was told to keep."""
    whole, trimmed = _long(40), _long(40)
    trimmed.trim(10)

    assert trimmed.truncated
    assert sum(isinstance(event, ActionExecuted) for event in trimmed.applied) == 10
    assert trimmed.slots() == whole.slots()
    assert trimmed.state == whole.state


def test_trimming_waits_until_it_is_worth_it() -> None:
    """Few actions more than needed are kept for now."""
    tracker = _long(6)
    tracker.trim(10)

    assert not tracker.truncated


def test_trimming_after_each_event_keeps_within_bounds() -> None:
    """However often it is asked to, and whatever is reverted meanwhile, it holds at most twice as many actions."""
    tracker = tracker_of()
    for number in range(200):
        turn: list[Event] = [heard("i"), did("x"), BotUttered(text="x"), did("y"), LISTEN]
        for event in turn if number % 7 else [*turn, heard("i"), UserUtteranceReverted()]:
            tracker.update(event)
            tracker.trim(10)

            assert sum(isinstance(each, ActionExecuted) for each in tracker.applied) <= 20
    assert tracker.truncated


def test_rewind_beyond_the_window_says_so() -> None:
    """A trimmed tracker that would have to know more raises, rather than guess."""
    tracker = _long(40)
    tracker.trim(4)

    tracker.update(UserUtteranceReverted())
    with pytest.raises(WindowExceeded):
        tracker.update(UserUtteranceReverted())


def test_retracting_slots() -> None:
    """Slots that were not committed can be taken back."""
    tracker = tracker_of(SlotSet(name="a", value=1))
    before = dict(tracker.state.values)
    tracker.update(SlotSet(name="a", value=2))
    tracker.update(SlotSet(name="b", value=3))

    tracker.retract(2, before)

    assert tracker.slots() == {"a": 1, "b": "start"}
    assert tracker.version == 4


def test_times_and_channels() -> None:
    """The tracker knows when the user last spoke, and through which channel."""
    tracker = tracker_of(
        UserUttered(text="hi", input_channel="socketio", timestamp=5.0), ActionExecuted(name="x", timestamp=6.0)
    )

    assert (tracker.last_user_time, tracker.latest_event_time) == (5.0, 6.0)
    assert tracker.latest_input_channel == "socketio"


def test_malformed_intent_does_not_make_a_snapshot_unreadable() -> None:
    """Events from outside can contain such intents. A tracker with one can be stored and read."""
    tracker = Tracker(sender_id="ada", domain=DOMAIN)
    tracker.update(UserUttered(text="hi", parse_data={"intent": {"name": 5}}))
    read = Tracker.load("ada", DOMAIN, tracker.dump())

    assert read.recent_intents == tracker.recent_intents

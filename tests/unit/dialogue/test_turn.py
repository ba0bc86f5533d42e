"""The turn engine: its entry points, its external steps, and the end of turns."""

import runpy
from pathlib import Path

import pytest

from manent.core.errors import ActionError, RequestError
from manent.core.events import (
    ActionExecuted,
    ConversationPaused,
    SlotSet,
    UserUttered,
)
from manent.core.messages import UserMessage
from manent.core.tracker import Tracker
from manent.dialogue.model import DialogueModel
from manent.dialogue.steps import CallAction, Finished, Generate, Understand
from manent.dialogue.turn import TABLE, Outcome, State
from unit.dialogue.conftest import SHOP_DATA, SHOP_DOMAIN
from unit.dialogue.talking import Answer, Talk, brief, said, slot, train


def test_first_message_starts_a_session(shop: DialogueModel) -> None:
    """A session start comes before the first message, and before no other."""
    talk = Talk(shop)

    assert talk.intent("greet") == [
        "action_session_start", "session_started", "action_listen", "user greet", "intent", "utter_greet",
        "bot Hello None.", "action_listen",
    ]  # fmt: skip
    assert talk.intent("greet")[0] == "user greet"


def test_asks_to_understand_the_text(shop: DialogueModel) -> None:
    """A message without a parse result is sent to the NLU after the session has started."""
    talk = Talk(shop)
    turn = talk.turn()

    step = turn.start(UserMessage(sender_id="someone", text="hello", message_id="m1"))

    assert step == Understand(text="hello")
    assert isinstance(turn.proceed({"text": "hello", "intent": {"name": "greet"}, "entities": []}), Finished)
    message = next(event for event in turn.take_events() if isinstance(event, UserUttered))
    assert (message.text, message.intent, message.message_id) == ("hello", "greet", "m1")


def test_turn_without_outside_is_one_commit(shop: DialogueModel) -> None:
    """A turn without external steps returns all of its events at once."""
    talk = Talk(shop)
    turn = talk.turn()
    parse_data = {"text": "/greet", "intent": {"name": "greet"}, "entities": []}

    step = turn.start(UserMessage(sender_id="someone", text="/greet", parse_data=parse_data))

    assert isinstance(step, Finished)
    assert len(turn.take_events()) == 8
    assert turn.take_events() == []


def test_events_are_stamped(shop: DialogueModel) -> None:
    """Every event has the time of the clock and the assistant's id."""
    talk = Talk(shop, now=5.0)

    talk.intent("greet")

    assert {event.timestamp for event in talk.events} == {5.0}
    assert all(event.metadata["assistant_id"] == "test" for event in talk.events)


def test_session_expires_and_carries_slots(shop: DialogueModel) -> None:
    """After the expiration time, a new session begins with the old slots, without the form and its requested slot."""
    talk = Talk(shop, {"validate_order_form": lambda *_: Answer()})
    talk.intent("order", size="big")
    talk.now += 61 * 60

    lines = talk.intent("greet")

    assert lines[:4] == ["action_session_start", "session_started", "size = 'big'", "action_listen"]
    assert talk.tracker.active_loop_name is None
    assert talk.tracker.requested_slot is None
    assert talk.tracker.slots().get("size") == "big"


def test_a_session_starts_with_each_slot_once(shop: DialogueModel) -> None:
    """After several sessions, each slot is carried over once, with its last value."""
    talk = Talk(shop, {"validate_order_form": lambda *_: Answer()})
    starts: list[list[str]] = []
    for number in range(40):
        lines = talk.intent("order", size=f"size {number}") if number % 2 else talk.intent("greet", person=f"p{number}")
        starts.append(lines[: lines.index("action_listen")])
        talk.now += 61 * 60

    assert {len(start) for start in starts[2:]} == {4}
    assert starts[-1] == ["action_session_start", "session_started", "size = 'size 37'", "person = 'p38'"]
    assert starts[-2] == ["action_session_start", "session_started", "person = 'p36'", "size = 'size 37'"]


def test_session_does_not_expire_early(shop: DialogueModel) -> None:
    """Within the expiration time, the session continues."""
    talk = Talk(shop)
    talk.intent("greet")
    talk.now += 59 * 60

    assert talk.intent("greet")[0] == "user greet"


def test_metadata_of_the_first_message_is_remembered(shop: DialogueModel) -> None:
    """Metadata of a session's first message is stored in its slot before the session starts."""
    talk = Talk(shop)
    turn = talk.turn()

    lines = talk.drive(
        turn,
        turn.start(
            UserMessage(
                sender_id="someone", text="/greet", metadata={"page": 1}, parse_data={"intent": {"name": "greet"}}
            )
        ),
    )

    assert lines[0] == "session_started_metadata = {'page': 1}"
    assert talk.tracker.slots().get("session_started_metadata") == {"page": 1}


def test_unknown_message_is_taken_back(shop: DialogueModel) -> None:
    """The core fallback answers, and reverts the message and the slots that it set."""
    talk = Talk(shop)
    talk.intent("greet")

    lines = brief(talk.intent("odd", person="Ann"))

    assert lines == ["user odd", "person = 'Ann'", "action_default_fallback", "bot Pardon?", "rewind"]
    assert talk.tracker.slots().get("person") is None
    assert talk.tracker.state.latest_message is not None
    assert talk.tracker.state.latest_message.intent == "greet"


def test_restart_begins_anew(shop: DialogueModel) -> None:
    """A restart resets the slots and starts a session."""
    talk = Talk(shop)
    talk.intent("greet", person="Ann")

    assert brief(talk.intent("restart")) == ["user restart", "action_restart", "restart"]
    assert talk.tracker.slots().get("person") is None
    assert said(talk.intent("greet")) == ["Hello None."]


def test_back_takes_two_turns_back(shop: DialogueModel) -> None:
    """`/back` reverts itself and the turn before."""
    talk = Talk(shop)
    talk.intent("greet")
    talk.intent("greet", person="Ann")

    assert brief(talk.intent("back")) == ["user back", "action_back", "rewind", "rewind"]
    assert talk.tracker.slots().get("person") is None


def test_prediction_limit_ends_in_listening(tmp_path: Path) -> None:
    """If an assistant never listens, the limit of predictions ends the turn, and the next message gets an answer."""
    data = """
rules:
  - {rule: go, steps: [{intent: go}, {action: utter_round}], wait_for_user_input: false}
  - {rule: round and round, steps: [{action: utter_round}, {action: utter_round}], wait_for_user_input: false}
"""
    config = """
recipe: default.v1
language: en
pipeline: [{name: WhitespaceTokenizer}, {name: KeywordIntentClassifier}]
policies: [{name: RulePolicy, check_for_contradictions: false}]
"""
    model = train(
        tmp_path, domain="intents: [go]\nresponses: {utter_round: [{text: round}]}", data=data, config=config,
        max_predictions=4,
    )  # fmt: skip
    talk = Talk(model)

    assert talk.intent("go").count("utter_round") == 4
    assert talk.tracker.latest_action_name == "action_listen"
    assert talk.intent("go").count("utter_round") == 4


def test_paused_bot_is_silent_until_restarted(shop: DialogueModel) -> None:
    """A paused bot records messages and does not answer until a restart, also if an action paused it."""
    talk = Talk(shop, {"action_fetch": lambda *_: Answer(events=({"event": "pause"},))})
    assert brief(talk.intent("fetch"))[1:] == ["action_fetch", "pause"]

    assert brief(talk.intent("greet")) == ["user greet"]
    assert "restart" in talk.intent("restart")
    assert said(talk.intent("greet")) == ["Hello None."]


def test_followup_action_comes_next(shop: DialogueModel) -> None:
    """A follow-up action runs without calling the policies."""
    talk = Talk(shop, {"action_fetch": lambda *_: Answer(events=({"event": "followup", "name": "utter_bye"},))})

    talk.intent("fetch")

    followed = next(event for event in talk.events if isinstance(event, ActionExecuted) and event.name == "utter_bye")
    assert followed.policy == "followup_action"


def test_unknown_followup_is_ignored(shop: DialogueModel) -> None:
    """A follow-up action that is not in the domain is ignored."""
    talk = Talk(shop, {"action_fetch": lambda *_: Answer(events=({"event": "followup", "name": "utter_no"},))})

    assert talk.intent("fetch")[-1] == "action_listen"


def test_custom_action_comes_after_a_commit(shop: DialogueModel) -> None:
    """Earlier events of the turn are returned before a custom action is called."""
    seen: list[list[str]] = []
    talk = Talk(shop)

    def fetch(_: CallAction, __: Tracker) -> Answer:
        seen.append([type(each).__name__ for each in talk.events])
        return Answer()

    talk.actions = {"action_fetch": fetch}

    talk.intent("fetch", person="Ann")

    assert seen == [["ActionExecuted", "SessionStarted", "ActionExecuted", "UserUttered", "SlotSet"]]


def test_custom_action_speaks_before_its_events(shop: DialogueModel) -> None:
    """The messages of an action come before its events. Values of the action are inserted into named responses."""
    answer = Answer(
        events=(slot("person", "Bob"),),
        responses=({"text": "one moment"}, {"response": "utter_greet", "person": "you"}),
    )
    talk = Talk(shop, {"action_fetch": lambda *_: answer})

    assert brief(talk.intent("fetch"))[1:] == ["action_fetch", "bot one moment", "bot Hello you.", "person = 'Bob'"]


def test_rejected_action_is_not_recorded(shop: DialogueModel) -> None:
    """If an action rejects its execution, the rejection is recorded, and another action is predicted."""
    talk = Talk(shop, {"action_fetch": lambda *_: Answer(rejected=True)})

    assert brief(talk.intent("fetch"))[1:] == ["rejected action_fetch", "action_default_fallback", "bot Pardon?",
                                               "rewind"]  # fmt: skip


def test_failed_action_ends_the_turn_visibly(shop: DialogueModel) -> None:
    """An action that fails is not recorded. The visitor sees an error, and the bot listens."""
    talk = Talk(shop)

    lines = talk.intent("fetch", person="Ann")

    assert lines[-3:-1] == ["person = 'Ann'", lines[-2]]
    assert lines[-2].startswith("bot Sorry")
    assert lines[-1] == "action_listen"
    assert said(talk.intent("greet")) == ["Hello Ann."]


@pytest.mark.parametrize("failures", [1, 3])
def test_what_failed_is_not_run_for_a_later_message(shop: DialogueModel, failures: int) -> None:
    """An action that failed does not run again when a later message is reverted, for example by `/back`."""
    talk = Talk(shop)
    for _ in range(failures):
        talk.intent("fetch")
    talk.actions = {"action_fetch": lambda *_: Answer(responses=({"text": "paid"},))}

    for _ in range(2):
        lines = talk.say("hm", "nothing_that_a_rule_knows")
        assert said(lines) == ["Pardon?"]
        assert lines[-1] == "action_listen"
    talk.intent("greet")
    assert said(talk.intent("back")) == []
    assert said(talk.intent("fetch")) == ["paid"]


def test_failure_is_told_in_the_assistants_words(tmp_path: Path) -> None:
    """If an action fails, the bot sends the domain's `utter_action_failed`, if it exists."""
    domain = SHOP_DOMAIN.replace("responses:", "responses:\n  utter_action_failed: [{text: Try later.}]")
    talk = Talk(train(tmp_path, domain=domain, data=SHOP_DATA))

    assert said(talk.intent("fetch")) == ["Try later."]


def test_unreadable_answer_counts_as_failure(shop: DialogueModel) -> None:
    """If an action returns an invalid event, the action fails. An event of an unknown type is ignored."""
    talk = Talk(shop, {"action_fetch": lambda *_: Answer(events=({"event": "slot", "value": 1},))})
    assert said(talk.intent("fetch"))[0].startswith("Sorry")

    talk.actions = {"action_fetch": lambda *_: Answer(events=({"event": "no_such_event"}, slot("person", "Ann")))}
    assert brief(talk.intent("fetch"))[1:] == ["action_fetch", "person = 'Ann'"]


def test_trigger_acts_as_an_external_message(shop: DialogueModel) -> None:
    """A trigger is recorded as `EXTERNAL: intent`, fills slots and is answered."""
    talk = Talk(shop)
    turn = talk.turn()

    lines = talk.drive(turn, turn.trigger("greet", {"person": "Ann"}, channel="collector"))

    assert said(lines) == ["Hello Ann."]
    message = next(event for event in talk.events if isinstance(event, UserUttered))
    assert message.text == "EXTERNAL: greet"
    assert message.metadata["is_external"] is True
    assert talk.tracker.slots().get("session_started_metadata") is None


def test_execute_runs_one_action(shop: DialogueModel) -> None:
    """`execute` runs only one action. The next message closes the turn."""
    talk = Talk(shop)
    talk.intent("greet")
    turn = talk.turn()

    lines = talk.drive(turn, turn.execute("utter_bye", policy="me", confidence=0.5, channel="collector"))

    assert lines == ["utter_bye", "bot Bye."]
    assert talk.intent("greet")[:2] == ["action_listen", "user greet"]


def test_execute_refuses_unknown_actions(shop: DialogueModel) -> None:
    """An action that is not in the domain is an invalid request."""
    with pytest.raises(RequestError, match="utter_no"):
        Talk(shop).turn().execute("utter_no", channel="collector")


def test_log_message_only_records(shop: DialogueModel) -> None:
    """A message that is only logged fills slots and is not answered."""
    talk = Talk(shop)
    turn = talk.turn()
    parse_data = {"intent": {"name": "greet"}, "entities": [{"entity": "person", "value": "Ann"}]}

    lines = talk.drive(turn, turn.log_message(UserMessage(sender_id="someone", text="hi", parse_data=parse_data)))

    assert lines[-2:] == ["user greet", "person = 'Ann'"]


def test_apply_adds_events_as_they_are(shop: DialogueModel) -> None:
    """Events from outside keep their timestamps and come after a session start."""
    talk = Talk(shop)
    turn = talk.turn()

    lines = talk.drive(turn, turn.apply([SlotSet(name="person", value="Ann", timestamp=7.0), ConversationPaused()]))

    assert lines == ["action_session_start", "session_started", "action_listen", "person = 'Ann'", "pause"]
    assert talk.events[3].timestamp == 7.0
    assert talk.events[4].timestamp == talk.now
    assert talk.tracker.state.paused


def test_action_that_repeats_a_message(shop: DialogueModel) -> None:
    """If an action returns a user event, its slots are filled, and it is answered."""
    again = {"event": "user", "text": "hi", "parse_data": {
        "intent": {"name": "greet"}, "entities": [{"entity": "person", "value": "Ann"}]}}  # fmt: skip
    talk = Talk(shop, {"action_fetch": lambda *_: Answer(events=({"event": "action", "name": "action_listen"}, again))})

    assert said(talk.intent("fetch")) == ["Hello Ann."]


def test_texts_made_outside(tmp_path: Path) -> None:
    """With an NLG server, each response is requested after a commit. If the server fails, the visitor sees an error."""
    talk = Talk(train(tmp_path, domain=SHOP_DOMAIN, data=SHOP_DATA, external_nlg=True))
    talk.generated = lambda step: {"text": f"<{step.response}>"}

    assert said(talk.intent("greet")) == ["<utter_greet>"]
    assert isinstance(talk.calls[0], Generate)


def test_session_start_on_the_action_server(tmp_path: Path) -> None:
    """If the domain lists `action_session_start`, the action server runs it. If it fails, the message is answered."""
    domain = SHOP_DOMAIN.replace("actions: [", "actions: [action_session_start, ")
    model = train(tmp_path, domain=domain, data=SHOP_DATA)
    listening = ({"event": "session_started"}, slot("person", "Ann"), {"event": "action", "name": "action_listen"})
    talk = Talk(model, {"action_session_start": lambda *_: Answer(events=listening)})
    assert said(talk.intent("greet")) == ["Hello Ann."]

    failing = Talk(model)
    lines = failing.intent("greet")
    assert lines[:4] == ["action_session_start", "session_started", "action_listen", "user greet"]
    assert said(lines)[0].startswith("Sorry")
    assert said(failing.intent("greet")) == ["Hello None."]


@pytest.mark.parametrize("code", ["action_unknown", "action_endpoint_missing"])
def test_listed_built_in_actions_run_if_no_code_replaces_them(tmp_path: Path, code: str) -> None:
    """Domains list built-in actions under `actions` without defining them; the built-in actions run."""
    built_in = "action_listen, action_session_start, action_restart, action_default_fallback"
    model = train(tmp_path, domain=SHOP_DOMAIN.replace("actions: [", f"actions: [{built_in}, "), data=SHOP_DATA)

    def unknown(step: CallAction, _: Tracker) -> Answer:
        raise ActionError(code, f"{step.name} is not defined")

    talk = Talk(model, dict.fromkeys(model.domain.actions, unknown))

    assert talk.intent("greet")[:3] == ["action_session_start", "session_started", "action_listen"]
    assert said(talk.intent("greet")) == ["Hello None."]
    assert "restart" in talk.intent("restart")
    assert said(talk.intent("fetch"))[0].startswith("Sorry")


def test_every_state_is_left_and_reached() -> None:
    """Every state of the table can be reached, and every state but the last has a successor."""
    starts = {State.OPENING, State.FILLING, State.PREDICTING, State.RETURNING}
    assert {state for state, _ in TABLE} == set(State) - {State.FINISHED}
    assert starts | set(TABLE.values()) == set(State)
    assert {outcome for _, outcome in TABLE} == set(Outcome)


def test_picture_is_the_tables() -> None:
    """The diagram in the documentation matches the table."""
    program = runpy.run_path(str(Path(__file__).parents[3] / "docs" / "make_turn_diagram.py"))

    assert program["draw"]() == program["PICTURE"].read_text(encoding="utf-8"), "run `python docs/make_turn_diagram.py`"


def test_calls_carry_only_what_is_not_committed(shop: DialogueModel) -> None:
    """A custom action outside a form gets the log and the featurization event of its prediction."""
    talk = Talk(shop, {"action_fetch": lambda *_: Answer()})

    talk.intent("fetch")

    call = talk.calls[0]
    assert isinstance(call, CallAction)
    assert [type(event).__name__ for event in call.trailing] == ["DefinePrevUserUtteredFeaturization"]

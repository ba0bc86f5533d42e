"""The fallbacks: affirmation, rephrasing, the two-stage fallback, and the revert action of the older one."""

from pathlib import Path

import pytest

from manent.core.errors import ActionError
from manent.core.events import Json
from manent.core.messages import UserMessage
from manent.core.tracker import Tracker
from manent.dialogue.model import DialogueModel
from manent.dialogue.steps import CallAction
from unit.dialogue.talking import Answer, Talk, brief, said, train

DOMAIN = """
intents: [pay, help, revert, affirmed, rephrase]
responses:
  utter_pay: [{text: paying}]
  utter_help: [{text: helping}]
  utter_ask_rephrase: [{text: say it differently}]
  utter_default: [{text: I give up}]
"""
DATA = """
rules:
  - {rule: pay, steps: [{intent: pay}, {action: utter_pay}]}
  - {rule: help, steps: [{intent: help}, {action: utter_help}]}
  - rule: unclear
    steps: [{intent: nlu_fallback}, {action: action_two_stage_fallback}, {active_loop: action_two_stage_fallback}]
  - {rule: revert, steps: [{intent: revert}, {action: action_revert_fallback_events}]}
  - {rule: ask, steps: [{intent: affirmed}, {action: action_default_ask_affirmation}]}
  - {rule: rephrase, steps: [{intent: rephrase}, {action: action_default_ask_rephrase}]}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DialogueModel:
    """An assistant with a two-stage fallback."""
    root: Path = tmp_path_factory.mktemp("unclear")
    return train(root, domain=DOMAIN, data=DATA)


def unclear(talk: Talk) -> list[str]:
    """Send a message that the NLU does not understand, with a guess."""
    ranking: list[Json] = [{"name": "nlu_fallback", "confidence": 0.3}, {"name": "pay", "confidence": 0.2}]
    parse_data = {"text": "hm", "intent": ranking[0], "intent_ranking": ranking, "entities": []}
    turn = talk.turn()
    return talk.drive(turn, turn.start(UserMessage(sender_id="someone", text="hm", parse_data=parse_data)))


def test_asks_for_the_next_best_intent(model: DialogueModel) -> None:
    """The question names the intent that ranks after the fallback intent, with a button for yes and one for no."""
    talk = Talk(model)

    assert said(unclear(talk)) == ["Did you mean 'pay'?"]
    assert talk.tracker.state.latest_bot is not None
    buttons = talk.tracker.state.latest_bot.data["buttons"]
    assert [button["payload"] for button in buttons] == ["/pay", "/out_of_scope"]


def test_affirmed(model: DialogueModel) -> None:
    """If the visitor affirms, the loop ends, its events are reverted, and the message has full confidence."""
    talk = Talk(model)
    unclear(talk)

    lines = talk.intent("pay")

    assert lines == [
        "user pay", "intent", "action_two_stage_fallback", "loop None", "rewind", "action_listen", "user pay", "intent",
        "utter_pay", "bot paying", "action_listen",
    ]  # fmt: skip
    assert talk.tracker.active_loop_name is None


def test_denied_then_rephrased(model: DialogueModel) -> None:
    """If the visitor denies, the bot asks them to rephrase, and answers the next message."""
    talk = Talk(model)
    unclear(talk)

    assert said(talk.intent("out_of_scope")) == ["say it differently"]
    assert said(talk.intent("help")) == ["helping"]


def test_gives_up_after_a_second_denial(model: DialogueModel) -> None:
    """After a denial, an unclear message and another denial, the bot gives up and reverts the messages."""
    talk = Talk(model)
    unclear(talk)
    talk.intent("out_of_scope")
    assert said(unclear(talk)) == ["Did you mean 'pay'?"]

    assert brief(talk.intent("out_of_scope"))[1:] == ["action_two_stage_fallback", "loop None", "bot I give up",
                                                      "rewind"]  # fmt: skip
    assert talk.tracker.active_loop_name is None


def test_gives_up_when_unclear_twice(model: DialogueModel) -> None:
    """An unclear answer to the question ends the fallback. The next unclear message starts it again."""
    talk = Talk(model)
    unclear(talk)

    assert said(unclear(talk)) == ["I give up"]
    assert said(unclear(talk)) == ["Did you mean 'pay'?"]


def test_revert_after_rephrasing(model: DialogueModel) -> None:
    """The revert action of the older fallback removes the question and keeps the intent that the visitor affirmed."""
    talk = Talk(model)
    talk.intent("affirmed")
    talk.intent("rephrase")

    assert "rewind" in talk.intent("revert")


def test_nothing_to_revert(model: DialogueModel) -> None:
    """The revert action does nothing if no question was asked."""
    talk = Talk(model)
    talk.intent("pay")

    assert brief(talk.intent("revert")) == ["user revert", "action_revert_fallback_events"]


def test_listed_question_is_built_in_if_no_code_defines_it(tmp_path: Path) -> None:
    """A domain that lists action_default_ask_affirmation without defining it gets the built-in question."""
    model = train(tmp_path, domain=DOMAIN + "actions: [action_default_ask_affirmation]\n", data=DATA)

    def unknown(step: CallAction, _: Tracker) -> Answer:
        raise ActionError("action_unknown", f"{step.name} is not defined")

    assert said(unclear(Talk(model, {"action_default_ask_affirmation": unknown})))[0].startswith("Did you mean")

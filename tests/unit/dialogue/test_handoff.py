"""The handoff to a person and back, turn by turn, without an event loop."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from manent.core.events import ConversationResumed, Event, NextHandler, Operator, OperatorJoined, OperatorLeft
from manent.core.tracker import Tracker
from manent.dialogue.model import DialogueModel
from manent.dialogue.steps import Handoff
from unit.dialogue.conftest import SHOP_DATA, SHOP_DOMAIN
from unit.dialogue.talking import Answer, Talk, brief, said, train
from unit.dialogue.test_forms import accepting

ADA = Operator(id="1", name="Ada")
JOINED: list[Event] = [OperatorJoined(operator=ADA)]
LEFT: list[Event] = [OperatorLeft(operator=ADA, to=NextHandler(kind="bot")), ConversationResumed()]
STAFFED = Handoff(is_staffed=lambda _: True)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> DialogueModel:
    """The shop with a rule and a story that use `action_human_handoff`, which its domain does not list."""
    domain = SHOP_DOMAIN.replace("odd]", "odd, human]").replace(
        "responses:", 'responses:\n  utter_human_handoff: [{text: "One moment, {person}."}]'
    )
    rule = "  - rule: human\n    steps: [{intent: human}, {action: action_human_handoff}]\nstories:"
    return train(tmp_path_factory.mktemp("shop"), domain=domain, data=SHOP_DATA.replace("stories:", rule))


def staffed(model: DialogueModel, handoff: Handoff = STAFFED) -> Talk:
    """Return a conversation with a desk."""
    talk = Talk(model, {"validate_order_form": accepting})
    talk.env = replace(talk.env, handoff=handoff)
    return talk


def handle(talk: Talk, events: list[Event]) -> None:
    """Add an operator's events."""
    turn = talk.turn()
    talk.drive(turn, turn.handle(events))


def test_form_continues_at_its_question(shop: DialogueModel) -> None:
    """During a handoff, the bot is silent. Afterwards, the next message answers the form's question."""
    talk = staffed(shop)
    talk.intent("order")
    talk.intent("inform", size="big")
    lines = brief(talk.intent("human"))
    assert lines[-4:] == ["action_human_handoff", "bot One moment, None.", "handoff_requested", "pause"]
    handle(talk, JOINED)
    assert talk.intent("inform", amount=7) == ["user inform"]
    assert talk.intent("restart") == ["user restart"]
    before = talk.tracker.requested_slot, talk.tracker.slots()
    handle(talk, LEFT)
    assert (talk.tracker.requested_slot, talk.tracker.slots()) == before
    assert talk.tracker.active_loop_name == "order_form"
    assert said(talk.intent("inform", amount=3)) == ["A gift?"]
    assert talk.tracker.slots()["amount"] == 3
    assert said(talk.intent("affirm")) == ["3 x big, gift True"]


def test_trigger_in_a_form_asks_again(shop: DialogueModel) -> None:
    """If the hand-back has a trigger, the bot answers it, and the form repeats its question."""
    talk = staffed(shop)
    talk.intent("order")
    talk.intent("human")
    handle(talk, JOINED)
    talk.say("so?", "chat")
    turn = talk.turn()
    lines = talk.drive(turn, turn.trigger("chat", first=LEFT))
    assert said(lines) == ["Nice weather.", "Which size?"]
    assert said(talk.intent("inform", size="big")) == ["How many big?"]


def test_take_without_a_request(shop: DialogueModel) -> None:
    """An operator can join at any time, and the form does not change meanwhile."""
    talk = staffed(shop)
    talk.intent("order")
    handle(talk, JOINED)
    assert talk.intent("inform", size="big") == ["user inform"]
    handle(talk, LEFT)
    assert said(talk.intent("inform", size="small")) == ["How many small?"]


def test_nobody_there_in_a_form(shop: DialogueModel) -> None:
    """If no operator is available, the bot reports this, and the form continues at once."""
    talk = staffed(shop, Handoff(is_staffed=lambda _: False))
    talk.intent("order")
    assert said(talk.intent("human")) == [
        "Nobody is available right now. Please try again later, or continue with me.", "Which size?",
    ]  # fmt: skip
    assert not talk.tracker.is_handled


def test_hours_are_asked_at_the_time_of_the_turn(shop: DialogueModel) -> None:
    """The opening hours are compared with the time of the turn."""
    talk = staffed(shop, Handoff(is_staffed=lambda now: now > 1_000_100.0))
    talk.intent("human")
    assert not talk.tracker.is_handled
    talk.now += 200.0
    talk.intent("human")
    assert talk.tracker.is_handled


def test_action_of_the_project_wins(tmp_path: Path) -> None:
    """If the domain lists `action_human_handoff`, the action server runs it, as in Rasa."""
    model = train(
        tmp_path,
        domain="intents: [human]\nactions: [action_human_handoff]\n",
        data="rules:\n  - rule: human\n    steps: [{intent: human}, {action: action_human_handoff}]\n",
    )
    talk = Talk(model, {"action_human_handoff": lambda *_: Answer(responses=({"text": "Ours."},))})
    assert said(talk.intent("human")) == ["Ours."]
    assert model.domain.own_actions == ()


def test_action_index_is_rasas_without_a_handoff(tmp_path: Path, shop: DialogueModel) -> None:
    """The action is in the list of actions, at the end, only if the project uses it."""
    plain = train(tmp_path, domain="intents: [greet]\n")
    assert "action_human_handoff" not in plain.domain.action_names
    assert shop.domain.action_names[-1] == "action_human_handoff"


def test_failure_is_reported_to_people(shop: DialogueModel) -> None:
    """With `on_error`, a failed action requests a person after the apology, at most once per hour."""
    talk = staffed(shop, Handoff(is_staffed=lambda _: True, on_error=True))
    lines = talk.intent("fetch")
    assert lines[-3:] == ["action_listen", "handoff_requested", "pause"]
    handle(talk, LEFT)
    talk.now += 3599.0
    assert "handoff_requested" not in talk.intent("fetch")
    talk.now += 2.0
    assert "handoff_requested" in talk.intent("fetch")


def test_snapshot_keeps_the_handling(shop: DialogueModel) -> None:
    """A tracker that is restored from a snapshot has the same state of the handoff."""
    talk = staffed(shop)
    talk.intent("human")
    loaded = Tracker.load("someone", shop.domain, talk.tracker.dump())
    assert loaded.is_handled
    assert loaded == talk.replayed() or loaded.state == talk.replayed().state


def test_long_talk_with_a_person_does_not_grow_the_tracker(shop: DialogueModel) -> None:
    """Messages between visitor and operator are not added to the events that policies read."""
    talk = staffed(shop)
    talk.intent("greet")
    handle(talk, JOINED)
    before = len(talk.tracker.applied)
    for _ in range(200):
        talk.intent("chat")
    assert len(talk.tracker.applied) == before

"""Forms of projects in format 2.0, where they differ from forms in format 3.x."""

from pathlib import Path

import pytest

from manent.dialogue.model import DialogueModel, load_dialogue, train_dialogue
from manent.project.reading import read_project
from unit.dialogue.talking import CONFIG, Answer, Talk, brief, slot

DOMAIN = """
version: "2.0"
intents: [order, inform, chat, odd, stop]
entities: [size, colour, dish, extra]
slots:
  size: {type: text, influence_conversation: false}
  colour: {type: text, auto_fill: false, influence_conversation: false}
  dish: {type: text, auto_fill: false, influence_conversation: false}
  note: {type: text, influence_conversation: false}
  reason: {type: text, influence_conversation: false}
  extra: {type: text, auto_fill: false, influence_conversation: false}
forms:
  food_form:
    ignored_intents: [chat]
    required_slots:
      dish: [{type: from_entity, entity: dish}]
      colour: [{type: from_entity, entity: colour}]
      note: [{type: from_text, intent: [inform, chat, stop]}]
      reason: [{type: from_trigger_intent, intent: order, value: hungry}, {type: from_text}]
responses:
  utter_ask_dish: [{text: "Which dish?"}]
  utter_ask_colour: [{text: "Which colour?"}]
  utter_ask_note: [{text: "A note?"}]
  utter_chat: [{text: "Chat."}]
  utter_default: [{text: "Pardon?"}]
actions: [action_ask_extra]
"""
DATA = """
version: "2.0"
rules:
  - {rule: order, steps: [{intent: order}, {action: food_form}, {active_loop: food_form}]}
  - {rule: chat, steps: [{intent: chat}, {action: utter_chat}]}
"""


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> DialogueModel:
    """Train an assistant of format 2.0."""
    root: Path = tmp_path_factory.mktemp("kitchen")
    (root / "data").mkdir()
    (root / "domain.yml").write_text(DOMAIN, encoding="utf-8")
    (root / "data" / "data.yml").write_text(DATA, encoding="utf-8")
    (root / "config.yml").write_text(CONFIG, encoding="utf-8")
    project = read_project(root)
    return load_dialogue(train_dialogue(project.config, project.domain, project.stories), project.domain)


def test_the_form_fills_its_slots_itself(kitchen: DialogueModel) -> None:
    """Slots of the form are filled after the form was predicted, automatic slots before."""
    talk = Talk(kitchen)
    talk.intent("order")

    assert brief(talk.intent("inform", dish="soup", size="big")) == [
        "user inform", "size = 'big'", "food_form", "dish = 'soup'", "requested_slot = 'colour'", "bot Which colour?",
    ]  # fmt: skip


def test_a_message_for_another_action_fills_nothing(kitchen: DialogueModel) -> None:
    """An intent of a built-in action fills no slot of the form, not even one with a mapping from text."""
    talk = Talk(kitchen)
    talk.intent("order", dish="soup", colour="red")
    assert talk.tracker.requested_slot == "note"

    assert "note = '/back'" not in talk.intent("back")


def test_a_trigger_intent_counts_only_when_it_opens_the_form(kitchen: DialogueModel) -> None:
    """The trigger intent sets a slot when it activates the form, and not while the form is active."""
    talk = Talk(kitchen)
    assert "reason = 'hungry'" in talk.intent("order")

    assert not any(line.startswith("reason") for line in talk.intent("order", dish="soup"))


def test_several_values_for_the_slot_asked_for_are_a_list(kitchen: DialogueModel) -> None:
    """Several values for the requested slot are stored as a list, even if the slot is a text."""
    talk = Talk(kitchen)
    talk.intent("order")

    lines = talk.intent("inform", {"entity": "dish", "value": "soup"}, {"entity": "dish", "value": "salad"})

    assert "dish = ['soup', 'salad']" in lines


def test_other_slots_are_filled_by_the_entity_of_their_name(kitchen: DialogueModel) -> None:
    """A message can fill the requested slot and another slot of the form."""
    talk = Talk(kitchen)
    talk.intent("order")

    lines = talk.intent("inform", dish="soup", colour="red")

    assert {"dish = 'soup'", "colour = 'red'", "requested_slot = 'note'"} <= set(lines)


def test_ignored_intents_block_the_mappings_that_name_them(kitchen: DialogueModel) -> None:
    """An ignored intent fills no slot, even if a mapping lists it. The form asks again after the answer."""
    talk = Talk(kitchen)
    talk.intent("order", dish="soup", colour="red")

    assert brief(talk.say("how are you", "chat")) == [
        "user chat", "rejected food_form", "utter_chat", "bot Chat.", "food_form", "requested_slot = 'note'",
        "bot A note?",
    ]  # fmt: skip


def test_a_slot_that_an_action_asks_for_is_filled_by_its_entity(kitchen: DialogueModel) -> None:
    """The form does not list the slot and has no validator."""
    talk = Talk(kitchen, {"action_ask_extra": lambda *_: Answer(events=(slot("requested_slot", "extra"),))})
    talk.intent("order")
    turn = talk.turn()
    talk.drive(turn, turn.execute("action_ask_extra", channel="collector"))
    assert talk.tracker.requested_slot == "extra"

    assert "extra = 'sauce'" in talk.intent("inform", extra="sauce")

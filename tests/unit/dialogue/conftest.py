"""The assistants for the tests of the dialogue."""

from pathlib import Path

import pytest

from manent.dialogue.model import DialogueModel
from unit.dialogue.talking import train

SHOP_DOMAIN = """
intents: [greet, order, inform, affirm, deny, chat, stop, thanks, restart_me, fetch, odd]
entities: [size, amount, person]
slots:
  size: {type: text, influence_conversation: false, mappings: [{type: from_entity, entity: size}]}
  amount:
    type: float
    influence_conversation: false
    mappings: [{type: from_entity, entity: amount, conditions: [{active_loop: order_form}]}]
  gift:
    type: bool
    influence_conversation: false
    mappings:
      - {type: from_intent, intent: affirm, value: true, conditions: [{active_loop: order_form, requested_slot: gift}]}
      - {type: from_intent, intent: deny, value: false, conditions: [{active_loop: order_form, requested_slot: gift}]}
  person: {type: text, influence_conversation: false, mappings: [{type: from_entity, entity: person}]}
  vip: {type: bool, mappings: [{type: custom}]}
forms:
  order_form: {required_slots: [size, amount, gift]}
responses:
  utter_greet: [{text: "Hello {person}."}]
  utter_ask_size: [{text: "Which size?"}]
  utter_ask_amount: [{text: "How many {size}?"}]
  utter_ask_gift: [{text: "A gift?"}]
  utter_done: [{text: "{amount} x {size}, gift {gift}"}]
  utter_chat: [{text: "Nice weather."}]
  utter_continue: [{text: "Shall we go on?"}]
  utter_bye: [{text: "Bye."}]
  utter_welcome: [{text: "Welcome."}]
  utter_default: [{text: "Pardon?"}]
  utter_vip: [{text: "For you, always."}]
actions: [action_fetch, validate_order_form]
session_config: {session_expiration_time: 60, carry_over_slots_to_new_session: true}
"""

SHOP_DATA = """
nlu:
  - {intent: greet, examples: "- hello\\n"}
rules:
  - rule: greet
    steps: [{intent: greet}, {action: utter_greet}]
  - rule: order
    steps: [{intent: order}, {action: order_form}, {active_loop: order_form}]
  - rule: ordered
    condition: [{active_loop: order_form}]
    steps: [{action: order_form}, {active_loop: null}, {action: utter_done}]
  - rule: chat
    steps: [{intent: chat}, {action: utter_chat}]
  - rule: fetch
    steps: [{intent: fetch}, {action: action_fetch}]
  - rule: thanks to a vip
    condition: [{slot_was_set: [{vip: true}]}]
    steps: [{intent: thanks}, {action: utter_vip}]
stories:
  - story: stop, but go on
    steps:
      - intent: order
      - action: order_form
      - active_loop: order_form
      - intent: stop
      - action: utter_continue
      - intent: affirm
      - action: order_form
      - active_loop: order_form
  - story: stop
    steps:
      - intent: order
      - action: order_form
      - active_loop: order_form
      - intent: stop
      - action: utter_continue
      - intent: deny
      - action: action_deactivate_loop
      - active_loop: null
      - action: utter_bye
"""


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> DialogueModel:
    """A shop with an order form, a custom action and two stories in which the user stops in the middle."""
    root: Path = tmp_path_factory.mktemp("shop")
    return train(root, domain=SHOP_DOMAIN, data=SHOP_DATA)

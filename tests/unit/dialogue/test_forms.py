"""Forms, turn by turn, without an event loop."""

from collections.abc import Callable
from pathlib import Path

from manent.core.errors import ActionError
from manent.core.events import ActionExecuted, SlotSet
from manent.core.tracker import Tracker
from manent.dialogue.model import DialogueModel
from manent.dialogue.steps import CallAction
from unit.dialogue.conftest import SHOP_DATA, SHOP_DOMAIN
from unit.dialogue.talking import Answer, Talk, brief, said, slot, train


def accepting(_: CallAction, __: Tracker) -> Answer:
    """Return no events, so that the extracted values are kept."""
    return Answer()


def validator(judge: Callable[[str, object], object]) -> Callable[[CallAction, Tracker], Answer]:
    """Return a validator that receives the candidate slots: the slot events after the form's own action event."""

    def validate(step: CallAction, _: Tracker) -> Answer:
        candidates = []
        for event in reversed(step.trailing):
            if not isinstance(event, SlotSet):
                break
            candidates.append(event)
        return Answer(events=tuple(slot(each.name, judge(each.name, each.value)) for each in reversed(candidates)))

    return validate


def test_whole_form(shop: DialogueModel) -> None:
    """A form asks for each slot in turn and shows the values, and its submit rule runs."""
    talk = Talk(shop, {"validate_order_form": accepting})

    assert brief(talk.intent("order")) == [
        "user order", "order_form", "loop order_form", "requested_slot = 'size'", "bot Which size?",
    ]  # fmt: skip
    assert brief(talk.intent("inform", size="big")) == [
        "user inform", "size = 'big'", "order_form", "requested_slot = 'amount'", "bot How many big?",
    ]  # fmt: skip
    talk.intent("inform", amount=3)
    assert brief(talk.intent("affirm")) == [
        "user affirm", "gift = True", "order_form", "requested_slot = None", "loop None", "utter_done",
        "bot 3 x big, gift True",
    ]  # fmt: skip
    assert talk.tracker.active_loop_name is None


def test_question_from_an_nlg_server(tmp_path: Path) -> None:
    """With an NLG server, a form asks with responses that the domain only lists under `actions`."""
    domain = SHOP_DOMAIN.replace("actions: [", "actions: [utter_ask_size, ").replace(
        "  utter_ask_size: ", "  utter_other: "
    )
    talk = Talk(train(tmp_path, domain=domain, data=SHOP_DATA, external_nlg=True), {"validate_order_form": accepting})
    talk.generated = lambda step: {"text": f"<{step.response}>"}

    assert said(talk.intent("order")) == ["<utter_ask_size>"]


def test_listed_form_runs_if_no_code_replaces_it(tmp_path: Path) -> None:
    """A domain can list a form under `actions`, too; without code of this name, the form runs."""
    model = train(tmp_path, domain=SHOP_DOMAIN.replace("actions: [", "actions: [order_form, "), data=SHOP_DATA)

    def unknown(step: CallAction, _: Tracker) -> Answer:
        raise ActionError("action_unknown", f"{step.name} is not defined")

    talk = Talk(model, {"order_form": unknown, "validate_order_form": accepting})

    assert said(talk.intent("order")) == ["Which size?"]
    assert said(talk.intent("inform", size="big")) == ["How many big?"]
    talk.intent("inform", amount=3)
    assert said(talk.intent("affirm")) == ["3 x big, gift True"]


def test_event_order_of_a_filled_turn(shop: DialogueModel) -> None:
    """The featurization event is between the slots and the form's action, and the turn ends with listening."""
    talk = Talk(shop, {"validate_order_form": accepting})
    talk.intent("order")

    assert talk.intent("inform", size="big") == [
        "user inform", "size = 'big'", "intent", "order_form", "requested_slot = 'amount'", "bot How many big?",
        "action_listen",
    ]  # fmt: skip


def test_slots_filled_before_are_validated_at_activation(shop: DialogueModel) -> None:
    """The slots that the first message fills are extracted again and sent to the validator."""
    talk = Talk(shop, {"validate_order_form": validator(lambda _, value: str(value).upper())})

    lines = brief(talk.intent("order", size="big"))

    assert lines[1:] == [
        "size = 'big'", "order_form", "loop order_form", "size = 'BIG'", "requested_slot = 'amount'",
        "bot How many BIG?",
    ]  # fmt: skip


def test_validator_that_says_nothing_is_asked_twice(shop: DialogueModel) -> None:
    """If an activation fills no slot, the validator is called for the activation and for the first run."""
    talk = Talk(shop, {"validate_order_form": accepting})

    talk.intent("order")

    assert [call.name for call in talk.calls if isinstance(call, CallAction)] == ["validate_order_form"] * 2


def test_validator_sees_candidates_at_the_end(shop: DialogueModel) -> None:
    """The validator's tracker ends with the requested slot, the form's action and the candidate slots."""
    talk = Talk(shop, {"validate_order_form": accepting})
    talk.intent("order")
    talk.intent("inform", size="big")

    call = talk.calls[-1]

    assert isinstance(call, CallAction)
    tail = call.trailing[-3:]
    assert isinstance(tail[0], SlotSet)
    assert (tail[0].name, tail[0].value) == ("requested_slot", "size")
    assert isinstance(tail[1], ActionExecuted)
    assert tail[1].name == "order_form"
    assert isinstance(tail[2], SlotSet)
    assert (tail[2].name, tail[2].value) == ("size", "big")


def test_refused_value_is_asked_again(shop: DialogueModel) -> None:
    """If a validator sets a value to null with a message, the form asks for the slot again."""
    refusing = lambda *_: Answer(events=(slot("size", None),), responses=({"text": "No such size."},))  # noqa: E731
    talk = Talk(shop, {"validate_order_form": refusing})
    talk.intent("order")

    lines = brief(talk.intent("inform", size="huge"))

    assert lines[2:] == [
        "order_form", "bot No such size.", "size = None", "requested_slot = 'size'", "bot Which size?",
    ]  # fmt: skip
    assert talk.tracker.slots().get("size") is None


def test_message_with_nothing_for_the_form_is_rejected(shop: DialogueModel) -> None:
    """A rule answers small talk during a form, and the form asks again."""
    talk = Talk(shop, {"validate_order_form": accepting})
    talk.intent("order")

    lines = brief(talk.intent("chat"))

    assert lines == [
        "user chat", "rejected order_form", "utter_chat", "bot Nice weather.", "order_form",
        "requested_slot = 'size'", "bot Which size?",
    ]  # fmt: skip


def test_unknown_message_in_a_form_falls_back(shop: DialogueModel) -> None:
    """A message without an answer is reverted, and the form stays in its state."""
    talk = Talk(shop, {"validate_order_form": accepting})
    talk.intent("order")

    lines = brief(talk.intent("odd"))

    assert lines == ["user odd", "rejected order_form", "action_default_fallback", "bot Pardon?", "rewind"]
    assert talk.tracker.active_loop_name == "order_form"
    assert talk.tracker.requested_slot == "size"


def test_story_interrupts_and_returns(shop: DialogueModel) -> None:
    """If a story asks whether to continue and returns to the form, the answer does not fill the form's slots."""
    talk = Talk(shop, {"validate_order_form": accepting})
    talk.intent("order")
    talk.intent("inform", size="big")
    talk.intent("inform", amount=2)
    assert talk.tracker.requested_slot == "gift"

    assert said(talk.intent("stop")) == ["Shall we go on?"]
    lines = talk.intent("affirm")

    assert lines == [
        "user affirm", "interrupted", "intent", "order_form", "requested_slot = 'gift'", "bot A gift?", "action_listen",
    ]  # fmt: skip
    assert talk.tracker.slots().get("gift") is None
    assert said(talk.intent("deny")) == ["2 x big, gift False"]


def test_story_interrupts_and_leaves(shop: DialogueModel) -> None:
    """If a story ends the form, the form is deactivated, and its slots keep their values."""
    talk = Talk(shop, {"validate_order_form": accepting})
    talk.intent("order")
    talk.intent("inform", size="big")
    talk.intent("stop")

    lines = brief(talk.intent("deny"))

    assert lines == ["user deny", "action_deactivate_loop", "loop None", "requested_slot = None", "utter_bye",
                     "bot Bye."]  # fmt: skip
    assert talk.tracker.slots().get("size") == "big"


def test_validator_chooses_the_next_slot(shop: DialogueModel) -> None:
    """A validator can set the next slot. The form then asks for that slot, and records it once."""
    choosing = lambda *_: Answer(events=(slot("requested_slot", "gift"),))  # noqa: E731
    talk = Talk(shop, {"validate_order_form": choosing})

    lines = brief(talk.intent("order"))

    assert lines[1:] == ["order_form", "loop order_form", "requested_slot = 'gift'", "bot A gift?"]


def test_validator_ends_the_form_early(shop: DialogueModel) -> None:
    """If a validator sets `requested_slot` to null, the form ends and the submit rule runs."""
    talk = Talk(shop, {"validate_order_form": accepting})
    talk.intent("order")
    talk.actions = {"validate_order_form": lambda *_: Answer(events=(slot("requested_slot", None), slot("size", "s")))}

    lines = brief(talk.intent("inform", size="s"))

    assert lines[2:] == [
        "order_form", "requested_slot = None", "size = 's'", "requested_slot = None", "loop None", "utter_done",
        "bot None x s, gift None",
    ]  # fmt: skip


def test_failed_validation_keeps_form_and_question(shop: DialogueModel) -> None:
    """If the validator fails, the visitor sees an error, no slot is filled, and the form repeats its question."""
    talk = Talk(shop, {"validate_order_form": accepting})
    talk.intent("order")
    talk.actions = {}

    lines = talk.intent("inform", size="big", person="Ann")

    assert lines[0] == "user inform"
    assert lines[1:] == ["person = 'Ann'", lines[2], "action_listen"]
    assert lines[2].startswith("bot Sorry")
    assert talk.tracker.slots().get("size") is None
    assert talk.tracker.requested_slot == "size"
    assert talk.tracker.active_loop_name == "order_form"

    talk.actions = {"validate_order_form": accepting}
    assert said(talk.intent("inform", size="big")) == ["How many big?"]


def test_failed_validation_at_activation_opens_nothing(shop: DialogueModel) -> None:
    """If the validator fails at the activation, the form is not active, and the visitor can try again."""
    talk = Talk(shop)

    talk.intent("order", size="big")
    assert talk.tracker.active_loop_name is None
    assert talk.tracker.slots().get("size") is None

    talk.actions = {"validate_order_form": accepting}
    assert said(talk.intent("order", size="big")) == ["How many big?"]


def test_candidates_wait_for_their_validation(shop: DialogueModel) -> None:
    """Before the validator answers, only the message of the form's turn is committed."""
    talk = Talk(shop, {"validate_order_form": accepting})
    talk.intent("order")
    committed = len(talk.events)
    seen: list[int] = []

    def validate(_: CallAction, __: Tracker) -> Answer:
        seen.append(len(talk.events) - committed)
        return Answer()

    talk.actions = {"validate_order_form": validate}

    talk.intent("inform", size="big")

    assert seen == [1]
    assert talk.tracker.version == len(talk.events)


def test_slots_of_an_earlier_action_stay(shop: DialogueModel) -> None:
    """Slots that an earlier action of the turn has set do not wait for validation."""
    following = ({"event": "slot", "name": "size", "value": "set"}, {"event": "followup", "name": "order_form"})
    talk = Talk(shop, {"action_fetch": lambda *_: Answer(events=following)})

    lines = talk.intent("fetch")

    assert said(lines)[0].startswith("Sorry")
    assert talk.tracker.slots().get("size") == "set"
    assert "size = 'set'" in lines


TWO_FORMS = """
intents: [first, second, tell]
slots:
  a: {type: text, influence_conversation: false, mappings: [{type: custom}]}
  b: {type: text, influence_conversation: false, mappings: [{type: custom}]}
forms: {one: {required_slots: [a]}, two: {required_slots: [b]}}
actions: [action_validate_slot_mappings]
responses:
  utter_ask_a: [{text: "a, after {requested_slot}?"}]
  utter_ask_b: [{text: "b, after {requested_slot}?"}]
"""
OPENING = """
rules:
  - {rule: one, steps: [{intent: first}, {action: one}, {active_loop: one}]}
  - {rule: two, steps: [{intent: second}, {action: two}, {active_loop: two}]}
"""


def seeing(_: CallAction, __: Tracker) -> Answer:
    """Return a message."""
    return Answer(responses=({"text": "seen"},))


def test_another_forms_question_is_forgotten(tmp_path: Path) -> None:
    """A form that replaces another form does not keep the requested slot of that form."""
    talk = Talk(train(tmp_path, domain=TWO_FORMS, data=OPENING), {"action_validate_slot_mappings": seeing})

    assert said(talk.intent("first"))[1:] == ["a, after None?"]
    assert said(talk.intent("second"))[1:] == ["b, after None?"]


def test_filling_speaks_once_when_a_form_opens(tmp_path: Path) -> None:
    """Slots are extracted again when the form opens, without repeating the action's messages."""
    talk = Talk(train(tmp_path, domain=TWO_FORMS, data=OPENING), {"action_validate_slot_mappings": seeing})

    assert said(talk.intent("first")) == ["seen", "a, after None?"]


def test_a_validator_may_end_its_form(tmp_path: Path) -> None:
    """If the validator deactivates its form, the form asks for nothing more."""
    domain = TWO_FORMS.replace("[action_validate_slot_mappings]", "[validate_one]")

    def leaving(_: CallAction, __: Tracker) -> Answer:
        return Answer(events=({"event": "active_loop", "name": None},))

    talk = Talk(train(tmp_path, domain=domain, data=OPENING), {"validate_one": leaving})

    assert brief(talk.intent("first"))[:4] == ["user first", "one", "loop one", "loop None"]
    assert talk.tracker.requested_slot is None


def test_a_requested_slot_that_is_no_name_asks_for_nothing(shop: DialogueModel) -> None:
    """If an action sets `requested_slot` to a list, the form continues with its next slot."""
    answers = iter([["size"], None])

    def odd(step: CallAction, tracker: Tracker) -> Answer:
        del step, tracker
        odd_value = next(answers)
        return Answer(events=(slot("requested_slot", odd_value),) if odd_value else ())

    talk = Talk(shop, {"validate_order_form": odd})
    talk.intent("order")

    assert talk.tracker.requested_slot is None
    assert "bot How many big?" in brief(talk.intent("inform", size="big"))


def test_form_asks_again_after_an_answer_without_text(tmp_path: Path) -> None:
    """The form asks again after a rule's response without text."""
    domain = """
intents: [open, inform, faq]
entities: [name]
slots: {name: {type: text, influence_conversation: false, mappings: [{type: from_entity, entity: name}]}}
forms: {sign_up: {required_slots: [name]}}
responses:
  utter_ask_name: [{text: "Your name?"}]
  utter_faq/price: [{text: five}]
"""
    data = """
nlu:
  - {intent: faq/price, examples: "- what does it cost\\n"}
rules:
  - {rule: open, steps: [{intent: open}, {action: sign_up}, {active_loop: sign_up}]}
  - {rule: faq, steps: [{intent: faq}, {action: utter_faq}]}
"""
    talk = Talk(train(tmp_path, domain=domain, data=data))
    talk.intent("open")

    assert said(talk.intent("faq")) == ["Your name?"]

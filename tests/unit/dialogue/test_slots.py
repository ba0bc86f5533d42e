"""Slot mappings: which message sets which slot to which value."""

from pathlib import Path
from typing import Any

import pytest

from manent.core.domain import Slot, SlotType
from manent.core.events import Json, SlotSet
from manent.dialogue.states import slot_vector
from unit.dialogue.talking import Answer, Talk, slot, train

INTENTS = "intents: [tell, other, begin, go]\nentities: [{city: {roles: [from, to]}}, number, tag]\n"


def talk_about(tmp_path: Path, slots: str, *, forms: str = "{}", actions: str = "[]", **more: Any) -> Talk:
    """Return a conversation with an assistant that has these slots and a rule for a form."""
    domain = f"{INTENTS}slots:\n{slots}\nforms: {forms}\nactions: {actions}\nresponses: {{utter_ok: [{{text: ok}}]}}\n"
    rules = "rules: [{rule: tell, steps: [{intent: tell}, {action: utter_ok}]}]"
    if forms != "{}":
        rules = """
rules:
  - {rule: begin, steps: [{intent: begin}, {action: f}, {active_loop: f}]}
  - {rule: end, condition: [{active_loop: f}], steps: [{action: f}, {active_loop: null}, {action: utter_ok}]}
"""
    return Talk(train(tmp_path, domain=domain, data=rules), **more)


def entity(name: str, value: Any, **labels: str) -> Json:
    """Return an entity in the form of a parse result."""
    return {"entity": name, "value": value, **labels}


@pytest.mark.parametrize(
    ("mapping", "said", "value"),
    [
        ("{type: from_entity, entity: city}", {"entities": [entity("city", "Oslo")]}, "Oslo"),
        ("{type: from_entity, entity: city}", {"entities": [entity("city", "Oslo", role="to")]}, None),
        ("{type: from_entity, entity: city, role: to}", {"entities": [entity("city", "Oslo", role="to")]}, "Oslo"),
        ("{type: from_entity, entity: city, role: to}", {"entities": [entity("city", "Oslo")]}, None),
        ("{type: from_entity, entity: city}", {"entities": [entity("city", "A"), entity("city", "B")]}, "B"),
        ("{type: from_entity, entity: city, intent: other}", {"entities": [entity("city", "A")]}, None),
        ("{type: from_entity, entity: city, not_intent: tell}", {"entities": [entity("city", "A")]}, None),
        ("{type: from_text}", {"text": "so be it"}, "so be it"),
        ("{type: from_text}", {"text": ""}, ""),
        ("{type: from_text, not_intent: [tell]}", {"text": "no"}, None),
        ("{type: from_intent, intent: tell, value: 7}", {}, 7),
        ("{type: from_intent, intent: other, value: 7}", {}, None),
        ("{type: from_trigger_intent, intent: tell, value: 7}", {}, None),
        ("{type: from_text, conditions: [{active_loop: null}]}", {"text": "out"}, "out"),
        ("{type: custom}", {"text": "x"}, None),
    ],
)
def test_mapping(tmp_path: Path, mapping: str, said: dict[str, Any], value: Any) -> None:
    """Each type of mapping reads only its source in the message."""
    talk = talk_about(tmp_path, f"  s: {{type: any, mappings: [{mapping}]}}")

    talk.say(said.get("text", "words"), "tell", *said.get("entities", []))

    assert talk.tracker.slots().get("s") == value


def test_first_mapping_that_gives_a_value_wins(tmp_path: Path) -> None:
    """Mappings are tried in order until one has a value."""
    talk = talk_about(
        tmp_path,
        "  s: {type: text, mappings: [{type: from_entity, entity: city}, {type: from_entity, entity: number}]}",
    )

    talk.intent("tell", number="5")
    assert talk.tracker.slots().get("s") == "5"
    talk.intent("tell", number="6", city="Oslo")
    assert talk.tracker.slots().get("s") == "Oslo"


def test_list_slot_takes_all_values(tmp_path: Path) -> None:
    """A list slot gets all values of its entity."""
    talk = talk_about(tmp_path, "  s: {type: list, mappings: [{type: from_entity, entity: tag}]}")

    talk.intent("tell", entity("tag", "a"), entity("tag", "b"))

    assert talk.tracker.slots().get("s") == ["a", "b"]


def test_null_only_empties_a_filled_slot(tmp_path: Path) -> None:
    """A null value is recorded only if the slot had a value."""
    talk = talk_about(tmp_path, "  s: {type: text, mappings: [{type: from_entity, entity: city}]}")

    assert "s = None" not in talk.intent("tell", city=None)
    talk.intent("tell", city="Oslo")
    assert "s = None" in talk.intent("tell", city=None)


def test_form_conditions(tmp_path: Path) -> None:
    """Conditions limit a mapping to a form and to its requested slot."""
    slots = """
  first: {type: text, mappings: [{type: from_text, conditions: [{active_loop: f, requested_slot: first}]}]}
  second: {type: text, mappings: [{type: from_text, conditions: [{active_loop: f, requested_slot: second}]}]}
"""
    talk = talk_about(tmp_path, slots, forms="{f: {required_slots: [first, second]}}")

    talk.intent("begin")
    assert talk.tracker.slots()["first"] is None
    talk.say("one", "other")
    talk.say("two", "other")

    assert (talk.tracker.slots().get("first"), talk.tracker.slots().get("second")) == ("one", "two")


def test_same_mapping_of_two_slots_fills_the_requested_one(tmp_path: Path) -> None:
    """If two slots of a form map the same entity, it fills the requested slot."""
    slots = """
  left: {type: text, mappings: [{type: from_entity, entity: city}]}
  right: {type: text, mappings: [{type: from_entity, entity: city}]}
"""
    talk = talk_about(tmp_path, slots, forms="{f: {required_slots: [left, right]}}")
    talk.intent("begin")

    talk.intent("other", city="Oslo")
    assert (talk.tracker.slots().get("left"), talk.tracker.slots().get("right")) == ("Oslo", None)


def test_ignored_intents_block_mappings_without_an_intent(tmp_path: Path) -> None:
    """An ignored intent fills no slot of the form, unless a mapping names the intent."""
    slots = """
  note: {type: text, mappings: [{type: from_text, conditions: [{active_loop: f}]}]}
  done: {type: bool, mappings: [{type: from_intent, intent: other, value: true, conditions: [{active_loop: f}]}]}
"""
    forms = "{f: {required_slots: [missing], ignored_intents: other}}".replace("missing", "far")
    slots += "  far: {type: text, mappings: [{type: custom}]}\n"
    talk = talk_about(tmp_path, slots, forms=forms)
    talk.intent("begin")
    talk.tracker.state.values.pop("note", None)

    lines = talk.intent("other")

    assert "done = True" in lines
    assert not any(line.startswith("note") for line in lines)


def test_trigger_intent_fills_at_activation(tmp_path: Path) -> None:
    """The intent that activates a form fills a slot of the form."""
    slots = """
  kind: {type: text, mappings: [{type: from_trigger_intent, intent: begin, value: quick}]}
  far: {type: text, mappings: [{type: custom}]}
"""
    talk = talk_about(tmp_path, slots, forms="{f: {required_slots: [kind, far]}}")

    lines = talk.intent("begin")

    assert lines.index("kind = 'quick'") > lines.index("loop f")


def test_custom_extraction_runs_once_a_turn(tmp_path: Path) -> None:
    """An action that several custom mappings name runs once. Only its slots and messages are used."""
    slots = """
  a: {type: any, mappings: [{type: custom, action: action_look}]}
  b: {type: any, mappings: [{type: custom, action: action_look}]}
"""
    found = Answer(events=(slot("a", 1), slot("b", 2), {"event": "restart"}), responses=({"text": "found"},))
    talk = talk_about(tmp_path, slots, actions="[action_look]")
    talk.actions = {"action_look": lambda *_: found}

    lines = talk.intent("tell")

    assert len(talk.calls) == 1
    assert lines[4:7] == ["bot found", "a = 1", "b = 2"]
    assert "restart" not in lines


def test_global_validation_overrides_candidates(tmp_path: Path) -> None:
    """`action_validate_slot_mappings` decides about the slots that it returns. Other slots keep their values."""
    slots = """
  a: {type: any, mappings: [{type: from_entity, entity: city}]}
  b: {type: any, mappings: [{type: from_entity, entity: number}]}
"""
    talk = talk_about(tmp_path, slots, actions="[action_validate_slot_mappings]")
    talk.actions = {"action_validate_slot_mappings": lambda *_: Answer(events=(slot("a", "OSLO"),))}

    talk.intent("tell", city="oslo", number="3")

    assert (talk.tracker.slots().get("a"), talk.tracker.slots().get("b")) == ("OSLO", "3")


def test_failed_extraction_fills_nothing(tmp_path: Path) -> None:
    """If the global validation fails, the visitor sees an error, and no extracted value is kept."""
    talk = talk_about(
        tmp_path,
        "  a: {type: any, mappings: [{type: from_entity, entity: city}]}",
        actions="[action_validate_slot_mappings]",
    )

    lines = talk.intent("tell", city="oslo")

    assert lines[-2].startswith("bot Sorry")
    assert talk.tracker.slots().get("a") is None


def _slot(kind: SlotType, **more: Any) -> Slot:
    return Slot(name="s", type=kind, **more)


@pytest.mark.parametrize(
    ("kind", "value", "vector"),
    [
        (_slot("text"), "", (1.0,)),
        (_slot("text"), None, ()),
        (_slot("text", influence_conversation=False), "x", ()),
        (_slot("bool"), True, (1.0, 1.0)),
        (_slot("bool"), False, (1.0, 0.0)),
        (_slot("bool"), "TRUE", (1.0, 1.0)),
        (_slot("bool"), "1", (1.0, 1.0)),
        (_slot("bool"), 2, (1.0, 0.0)),
        (_slot("bool"), "yes", ()),
        (_slot("bool"), [], ()),
        (_slot("float", max_value=10), 5, (1.0, 0.5)),
        (_slot("float", max_value=10), "5.0", (1.0, 0.5)),
        (_slot("float", max_value=10), 99, (1.0, 1.0)),
        (_slot("float", max_value=10), "many", ()),
        (_slot("float"), float("nan"), ()),
        (_slot("list"), [], ()),
        (_slot("list"), ["a"], (1.0,)),
        (_slot("list"), "a", (1.0,)),
        (_slot("categorical", values=("red", "3")), "RED", (1.0, 0.0, 0.0)),
        (_slot("categorical", values=("red", "3")), 3, (0.0, 1.0, 0.0)),
        (_slot("categorical", values=("red", "3")), "blue", (0.0, 0.0, 1.0)),
        (_slot("any"), "x", ()),
    ],
)
def test_features_of_a_value(kind: Slot, value: Any, vector: tuple[float, ...]) -> None:
    """Each type of slot computes its features from the value."""
    assert slot_vector(kind, value) == vector


def test_single_value_of_a_list_slot_becomes_a_list(tmp_path: Path) -> None:
    """A single value for a list slot is stored in a list; null and lists stay unchanged."""
    talk = talk_about(tmp_path, "  s: {type: list, mappings: [{type: custom}]}")
    kept = []
    for value in ("one", 2, ["a", "b"], "", None):
        turn = talk.turn()
        talk.drive(turn, turn.apply([SlotSet(name="s", value=value)]))
        kept.append(talk.tracker.slots().get("s"))

    assert kept == [["one"], [2], ["a", "b"], "", None]
    assert talk.replayed().slots().get("s") is None


def test_null_where_nothing_was_leaves_it_to_the_next_mapping(tmp_path: Path) -> None:
    """A null value empties a filled slot. For an empty slot, the next mapping is tried."""
    talk = talk_about(
        tmp_path,
        "  s: {type: text, mappings: [{type: from_entity, entity: city}, {type: from_intent, intent: tell, value: x}]}",
    )

    assert "s = 'x'" in talk.intent("tell", city=None)
    assert "s = None" in talk.intent("tell", city=None)

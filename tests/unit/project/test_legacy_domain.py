"""Conversion of a domain from format 2.0 to format 3.1."""

from collections.abc import Callable

import pytest

from manent.core.domain import Condition, Domain, Form, SlotMapping
from manent.project.domain.definition import build_domain
from manent.project.domain.format_2 import Conversion, convert_domain
from manent.project.domain.merging import RawDomain, add_document
from manent.project.problems import Report
from manent.project.yaml.documents import parse_document

Convert = Callable[[str], tuple[Domain, Conversion]]


@pytest.fixture
def convert(report: Report) -> Convert:
    """Read a text as a domain of format 2.0."""

    def convert(text: str) -> tuple[Domain, Conversion]:
        raw = RawDomain()
        add_document(raw, parse_document(text, "domain.yml", report), "domain.yml", report)
        conversion = convert_domain(raw)
        return build_domain(raw, is_legacy=conversion.is_legacy, legacy_forms=conversion.forms), conversion

    return convert


def mappings(domain: Domain, slot: str) -> tuple[SlotMapping, ...]:
    """Return a slot's mappings."""
    return domain.slots[slot].mappings


def autofill(entity: str) -> SlotMapping:
    """Return the mapping for a slot that has the name of an entity in 2.0, for any role and group."""
    return SlotMapping(type="from_entity", entity=entity, any_label=True)


def test_autofill(convert: Convert, report: Report) -> None:
    """A slot is filled from the entity with the same name, with any role or group, unless `auto_fill` is false."""
    domain, _ = convert(
        'version: "2.0"\nentities: [a, b, c: {roles: [r]}]\nslots:\n  a: {type: text}\n'
        "  b: {type: text, auto_fill: false}\n  c: {type: list}\n  d: {type: bool}\n"
    )

    assert not report.errors
    assert mappings(domain, "a") == (autofill("a"),)
    assert mappings(domain, "b") == (SlotMapping(type="custom"),)
    assert mappings(domain, "c") == (autofill("c"),)
    assert mappings(domain, "d") == (SlotMapping(type="custom"),)
    assert domain.is_legacy


def test_no_autofill_at_all(convert: Convert) -> None:
    """`store_entities_as_slots: false` has the same effect as `auto_fill: false` for all slots."""
    domain, _ = convert("entities: [a]\nslots:\n  a: {type: text}\nconfig: {store_entities_as_slots: false}\n")

    assert mappings(domain, "a") == (SlotMapping(type="custom"),)


@pytest.mark.parametrize("type_", ["unfeaturized", "rasa.core.slots.UnfeaturizedSlot"])
def test_unfeaturized(type_: str, convert: Convert) -> None:
    """An unfeaturized slot becomes a slot of type any."""
    domain, _ = convert(f"slots:\n  a: {{type: {type_}, initial_value: 1}}\n")

    slot = domain.slots["a"]
    assert (slot.type, slot.influence_conversation, slot.initial_value) == ("any", False, 1)
    assert domain.original["slots"]["a"] == {
        "type": "any",
        "initial_value": 1,
        "influence_conversation": False,
        "mappings": [{"type": "custom"}],
    }


FORM = """
    a:
    - {type: from_entity, entity: a}
    - {type: from_text, not_intent: bye}
    b:
    - {type: from_intent, intent: yes, value: true}
    - {type: from_trigger_intent, intent: go, value: false}
"""


@pytest.mark.parametrize("required", [True, False])
def test_mappings_in_forms(required: bool, convert: Convert, report: Report) -> None:  # noqa: FBT001
    """Both spellings of a form's mappings move to the slots, with conditions, and the order of slots is kept."""
    inside = "    required_slots:" + FORM.replace("\n", "\n  ") if required else FORM
    domain, conversion = convert(
        'version: "2.0"\nintents: [bye, "yes", go]\nslots:\n  b: {type: bool}\n  a: {type: text}\n'
        f"forms:\n  f:\n    ignored_intents: [bye]\n{inside}\n"
    )

    in_form = (Condition(active_loop="f"),)
    assert not report.errors
    assert domain.forms == {"f": Form(name="f", required_slots=("a", "b"), ignored_intents=("bye",))}
    assert mappings(domain, "a") == (
        SlotMapping(type="from_entity", entity="a", conditions=in_form),
        SlotMapping(
            type="from_text", not_intents=("bye",), conditions=(Condition(active_loop="f", requested_slot="a"),)
        ),
    )
    assert mappings(domain, "b") == (
        SlotMapping(
            type="from_intent",
            intents=("yes",),
            value=True,
            conditions=(Condition(active_loop="f", requested_slot="b"),),
        ),
        SlotMapping(type="from_trigger_intent", intents=("go",), value=False, conditions=in_form),
    )
    assert conversion.forms is not None
    slots = conversion.forms["f"]["required_slots"] if required else conversion.forms["f"]
    assert slots["a"][0] == {"type": "from_entity", "entity": "a"}


def test_same_mapping_for_two_forms(convert: Convert) -> None:
    """A mapping that two forms use becomes one mapping with two conditions."""
    domain, _ = convert(
        "slots:\n  a: {type: text}\nforms:\n  f: {required_slots: {a: [{type: from_text}]}}\n"
        "  g: {required_slots: {a: [{type: from_text}]}}\n"
    )

    assert mappings(domain, "a") == (
        SlotMapping(
            type="from_text",
            conditions=(
                Condition(active_loop="f", requested_slot="a"),
                Condition(active_loop="g", requested_slot="a"),
            ),
        ),
    )


def test_autofill_comes_last(convert: Convert) -> None:
    """A form's mappings are tried before the entity with the slot's name."""
    domain, _ = convert(
        "entities: [a]\nslots:\n  a: {type: text}\nforms:\n  f: {required_slots: {a: {type: from_text}}}\n"
    )

    assert [mapping.type for mapping in mappings(domain, "a")] == ["from_text", "from_entity"]
    assert "any_label" not in str(domain.original)


@pytest.mark.parametrize("form", ["null", "{}", "{required_slots: {}}"])
def test_form_without_slots(form: str, convert: Convert, report: Report) -> None:
    """A form in format 2.0 can have no slots."""
    domain, _ = convert(f"forms:\n  f: {form}\n")

    assert not report.errors
    assert domain.forms == {"f": Form(name="f")}
    assert domain.original["forms"] == {"f": {"required_slots": []}}


def test_listed_forms(convert: Convert, report: Report) -> None:
    """Forms that are only listed, as in 1.x, are custom actions of the action server."""
    domain, _ = convert("actions: [x]\nforms: [f, g]\n")

    assert not report.errors
    assert domain.actions == ("x", "f", "g")
    assert domain.forms == {}
    assert "requested_slot" in domain.slots


def test_slot_that_only_a_form_knows(convert: Convert, report: Report) -> None:
    """A slot that only a form defines is a text slot, with a warning."""
    domain, _ = convert("forms:\n  f: {required_slots: {ghost: [{type: from_text}]}}\n")

    assert domain.slots["ghost"].type == "text"
    assert mappings(domain, "ghost")[0].type == "from_text"
    assert [problem.code for problem in report.warnings] == ["forms.undeclared-slot"]


def test_slot_requested_by_an_action(convert: Convert) -> None:
    """A slot that no form lists and an action can request is filled from the entity with the same name."""
    domain, _ = convert(
        "entities: [a]\nactions: [action_x]\nslots:\n  a: {type: text, auto_fill: false}\n"
        "forms:\n  f: {required_slots: {}}\n  g: {required_slots: {a: []}}\n"
    )

    assert mappings(domain, "a") == (
        SlotMapping(type="from_entity", entity="a", conditions=(Condition(active_loop="f", requested_slot="a"),)),
    )


def test_triggers(convert: Convert) -> None:
    """`triggers:` are returned with their line."""
    _, conversion = convert("intents:\n- help: {triggers: action_help}\n")

    action, where = conversion.triggers["help"]
    assert (action, where.line) == ("action_help", 2)


@pytest.mark.parametrize(
    "text",
    [
        'version: "3.1"\nslots:\n  a: {type: text}\n',
        "slots:\n  a: {type: text}\n  b: {type: text, mappings: []}\n",
    ],
)
def test_mistakes_of_3x_are_not_legacy(text: str, convert: Convert, report: Report) -> None:
    """A slot without mappings in format 3 is a mistake, not a sign of format 2.0."""
    domain, _ = convert(text)

    assert not domain.is_legacy
    assert [problem.code for problem in report.errors] == ["slots.no-mappings"]


def test_both_formats_agree(convert: Convert) -> None:
    """A domain that is valid in both formats is not changed."""
    domain, conversion = convert('version: "2.0"\nintents: [greet]\nresponses:\n  utter_x: [{text: x}]\n')

    assert not domain.is_legacy
    assert conversion == Conversion()


def test_mistakes_keep_their_lines(convert: Convert, report: Report) -> None:
    """A mistake in a form of 2.0 is reported at its line."""
    convert("slots:\n  a: {type: text}\nforms:\n  f:\n    required_slots:\n      a:\n      - type: from_txt\n")

    assert [(problem.line, problem.code) for problem in report.errors] == [(7, "slots.mapping-type")]

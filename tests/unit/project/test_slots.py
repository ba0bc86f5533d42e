"""Slots and their mappings."""

from collections.abc import Callable

import pytest

from manent.core.domain import Condition, Slot, SlotMapping
from manent.project.domain.slots import read_slot
from manent.project.problems import Report, Spot

SpotOf = Callable[[str], Spot]


def test_every_type(spot_of: SpotOf, report: Report) -> None:
    """Each type has its options. The paths of Rasa's classes are types, too."""
    texts = {
        "text": Slot(name="s", type="text"),
        "bool": Slot(name="s", type="bool"),
        "list": Slot(name="s", type="list"),
        "any": Slot(name="s", type="any", influence_conversation=False),
        "float, min_value: -1, max_value: 2": Slot(name="s", type="float", min_value=-1, max_value=2),
        "categorical, values: [Red, 3, true, null]": Slot(name="s", type="categorical", values=("red", "3", "true")),
        "rasa.shared.core.slots.BooleanSlot": Slot(name="s", type="bool"),
    }
    for text, slot in texts.items():
        assert read_slot("s", spot_of(f"{{type: {text}, mappings: []}}")) == slot
    assert not report.errors


def test_options(spot_of: SpotOf) -> None:
    """Initial value and influence are read, and nested values become plain data."""
    slot = read_slot(
        "s", spot_of("{type: list, initial_value: [{a: 1}], influence_conversation: false, mappings: [{type: custom}]}")
    )

    assert slot is not None
    assert slot.initial_value == [{"a": 1}]
    assert type(slot.initial_value[0]) is dict
    assert not slot.influence_conversation


def test_mappings(spot_of: SpotOf, report: Report) -> None:
    """Mappings of every type are read, with one or several names, and with conditions."""
    slot = read_slot(
        "s",
        spot_of(
            """
type: text
mappings:
- {type: from_entity, entity: e, role: r, group: g, intent: a, not_intent: [b, c]}
- {type: from_text, conditions: [{active_loop: f, requested_slot: s}, {active_loop: null}]}
- {type: from_intent, intent: [a, b], value: false}
- {type: from_trigger_intent, intent: a, value: 0}
- {type: custom, action: action_x}
"""
        ),
    )

    assert not report.errors
    assert slot is not None
    assert slot.mappings == (
        SlotMapping(type="from_entity", entity="e", role="r", group="g", intents=("a",), not_intents=("b", "c")),
        SlotMapping(
            type="from_text",
            conditions=(Condition(active_loop="f", requested_slot="s"), Condition(active_loop=None)),
        ),
        SlotMapping(type="from_intent", intents=("a", "b"), value=False),
        SlotMapping(type="from_trigger_intent", intents=("a",), value=0),
        SlotMapping(type="custom", action="action_x"),
    )


@pytest.mark.parametrize(
    ("text", "code", "suggestion"),
    [
        ("{type: integer, mappings: []}", "slots.unknown-type", 'Did you mean "float"?'),
        ("{type: categoricl, mappings: []}", "slots.unknown-type", 'Did you mean "categorical"?'),
        ("{type: slots.mine.MySlot, mappings: []}", "slots.class", "Module paths start in the project's folder"),
        ("{mappings: []}", "slots.no-type", "Add type: text"),
        ("{type: text}", "slots.no-mappings", "Add `mappings"),
        ("{type: text, mapping: [], mappings: []}", "slots.unknown-key", 'Did you mean "mappings"?'),
        ("{type: any, influence_conversation: true, mappings: []}", "slots.influence", "Use another type"),
        ("{type: bool, influence_conversation: yes, mappings: []}", "yaml.type", "Write true"),
        ("{type: float, min_value: 2, max_value: 1, mappings: []}", "slots.range", ""),
        ("{type: float, min_value: low, mappings: []}", "yaml.type", ""),
        (
            "{type: text, mappings: [{type: from_entitty, entity: e}]}",
            "slots.mapping-type",
            'Did you mean "from_entity"?',
        ),
        ("{type: text, mappings: [{entity: e}]}", "slots.mapping-type", ""),
        ("{type: text, mappings: [{type: from_entity}]}", "slots.mapping-entity", ""),
        ("{type: text, mappings: [{type: from_intent, intent: a}]}", "slots.mapping-value", "An action"),
        ("{type: text, mappings: [{type: from_intent, intent: a, value: null}]}", "slots.mapping-value", "An action"),
        ("{type: text, mappings: [{type: from_text, conditions: [a]}]}", "slots.condition", ""),
        ("{type: text, mappings: [from_text]}", "slots.mapping", ""),
        ("text", "slots.definition", "Write `s:"),
    ],
)
def test_mistakes(text: str, code: str, suggestion: str, spot_of: SpotOf, report: Report) -> None:
    """Each mistake is one error with a suggestion."""
    read_slot("s", spot_of(text))

    (problem,) = report.errors
    assert problem.code == code
    assert problem.suggestion.startswith(suggestion)


@pytest.mark.parametrize(
    ("mapping", "code", "suggestion"),
    [
        ("{type: from_text, intents: a}", "slots.mapping-key", 'Did you mean "intent"?'),
        ("{type: from_text, conditions: [{requested_slot: a}]}", "slots.condition", "Without active_loop"),
    ],
)
def test_mappings_that_mean_less(mapping: str, code: str, suggestion: str, spot_of: SpotOf, report: Report) -> None:
    """Mappings that Rasa ignores in part are read as in Rasa, with a warning."""
    slot = read_slot("s", spot_of(f"{{type: text, mappings: [{mapping}]}}"))
    assert slot is not None

    (problem,) = report.warnings
    assert not report.errors
    assert problem.code == code
    assert problem.suggestion.startswith(suggestion)
    assert all((each.active_loop, each.requested_slot) == (None, None) for each in slot.mappings[0].conditions)


def test_suspicious_values(spot_of: SpotOf, report: Report) -> None:
    """A number outside its range and a categorical slot without values are warnings."""
    read_slot("s", spot_of("{type: float, initial_value: 5, mappings: []}"))
    read_slot("s", spot_of("{type: categorical, mappings: []}"))

    assert [problem.code for problem in report.warnings] == ["slots.initial-value", "slots.no-values"]

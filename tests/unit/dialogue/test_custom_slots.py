"""Slots with a class of the project that was written for Rasa. The class computes the features."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from manent.core.domain import Slot
from manent.core.errors import ProjectError
from manent.dialogue.custom_slots import custom_features, find_slot_class
from manent.extensions.finding import BadExtension
from unit.dialogue.talking import Talk, said, train

PIZZA = """
from rasa.shared.core.slots import CategoricalSlot, Slot


class SizeSlot(Slot):
    type_name = "size"

    def __init__(self, *args, small=20, **kwargs):
        super().__init__(*args, **kwargs)
        self.small = small

    def feature_dimensionality(self):
        return 2

    def _as_feature(self):
        if self.value is None:
            return [0.0, 0.0]
        return [1.0, 0.0] if float(self.value) <= self.small else [0.0, 1.0]


class OldSlot(Slot):
    def as_feature(self):
        return [float(self.value == "yes")]


class Colour(CategoricalSlot):
    pass


class NoSlot:
    pass
"""
DOMAIN = """
intents: [order]
entities: [size]
slots:
  size: {type: pizza.SizeSlot, small: 25, mappings: [{type: from_entity, entity: size}]}
responses:
  utter_small: [{text: "A small one."}]
  utter_large: [{text: "A large one."}]
"""
DATA = """
nlu:
  - {intent: order, examples: "- order\\n"}
rules:
  - {rule: small, condition: [{slot_was_set: [{size: 10}]}], steps: [{intent: order}, {action: utter_small}]}
  - {rule: large, condition: [{slot_was_set: [{size: 30}]}], steps: [{intent: order}, {action: utter_large}]}
"""


@pytest.fixture(autouse=True)
def _pizza(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module of the project, which is removed from the imported modules after the test."""
    (tmp_path / "pizza.py").write_text(PIZZA)
    monkeypatch.syspath_prepend(str(tmp_path))
    finders = list(sys.meta_path)
    find_slot_class.cache_clear()
    yield
    find_slot_class.cache_clear()
    sys.meta_path[:] = finders
    for name in [name for name in sys.modules if name.partition(".")[0] in ("rasa", "pizza")]:
        del sys.modules[name]


@pytest.mark.parametrize(("value", "answer"), [(12, "A small one."), ("25", "A small one."), (26, "A large one.")])
def test_values_with_equal_features_are_equal(tmp_path: Path, value: float | str, answer: str) -> None:
    """A rule for the value 10 also applies to other values for which the class computes the same features."""
    talk = Talk(train(tmp_path, domain=DOMAIN, data=DATA))

    assert said(talk.intent("order", size=value)) == [answer]


@pytest.mark.parametrize(
    ("slot_class", "value", "features"),
    [
        ("pizza.SizeSlot", None, ()),
        ("pizza.SizeSlot", 3, (1.0, 0.0)),
        ("pizza.OldSlot", "yes", (1.0,)),
        ("pizza.OldSlot", "no", ()),
    ],
)
def test_features(slot_class: str, value: object, features: tuple[float, ...]) -> None:
    """`_as_feature` and, as before Rasa 3, `as_feature` compute features. Only zeros: the slot counts as not set."""
    assert custom_features(Slot(name="s", type="custom", slot_class=slot_class), value) == features


def test_built_in_classes_can_be_extended() -> None:
    """A subclass of a built-in slot receives its options."""
    slot = Slot(name="c", type="custom", slot_class="pizza.Colour", options={"values": ["red", "Blue"]})

    assert custom_features(slot, "blue") == (0.0, 1.0, 0.0)
    assert custom_features(slot, "green") == (0.0, 0.0, 1.0)


def test_a_value_that_the_class_rejects() -> None:
    """An error of the class names the class and its line."""
    with pytest.raises(BadExtension, match=r"pizza\.SizeSlot: found a class that raises ValueError .* \(line 18 of"):
        custom_features(Slot(name="s", type="custom", slot_class="pizza.SizeSlot"), "many")


@pytest.mark.parametrize(
    ("slot_class", "message"),
    [
        ("pizza.SizeSlt", 'Did you mean "SizeSlot"'),
        ("pizzas.SizeSlot", 'no module named "pizzas"'),
        ("pizza.NoSlot", "a class without as_feature"),
    ],
)
def test_wrong_classes(tmp_path: Path, slot_class: str, message: str) -> None:
    """A class that cannot be used is reported at the slot's line."""
    with pytest.raises(ProjectError) as error:
        train(tmp_path, domain=DOMAIN.replace("pizza.SizeSlot", slot_class), data=DATA)

    (problem,) = [problem for problem in error.value.problems if problem.code == "slots.class"]
    assert (problem.file, problem.line, problem.path) == ("domain.yml", 6, "slots.size.type")
    assert message in f"{problem.found} {problem.suggestion}"

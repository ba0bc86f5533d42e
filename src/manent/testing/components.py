"""The test suite that every NLU component must pass.

Import the tests, and write a fixture `make_component` that returns a function. The function creates an untrained
component.
"""

import json
from collections.abc import Callable
from copy import deepcopy

import pytest

from manent.core.events import Json
from manent.nlu.components.custom import CustomComponent

MakeComponent = Callable[[], CustomComponent]

EXAMPLES: list[Json] = [
    {"text": text, "intent": intent, "entities": [], "tokens": text.split()}
    for text, intent in (("hello there", "greet"), ("good day", "greet"), ("bye", "goodbye"), ("see you", "goodbye"))
]

TEXTS = ("hello there", "", "é 😀 \n", "x" * 4000, "/greet")


def result_of(text: str) -> Json:
    """Return a parse result with an intent, as a component receives it."""
    return {
        "text": text,
        "intent": {"name": "greet", "confidence": 0.9},
        "intent_ranking": [{"name": "greet", "confidence": 0.9}],
        "entities": [],
        "text_tokens": [],
    }


def parse(component: CustomComponent) -> list[Json]:
    """Return the component's results for all texts in `TEXTS`."""
    results = [result_of(text) for text in TEXTS]
    for result in results:
        component.process(result)
    return results


def test_a_loaded_component_gives_the_same_results(make_component: MakeComponent) -> None:
    """`persist` returns files as bytes by name, and a component that loads these files returns the same results."""
    trained = make_component()
    trained.train(deepcopy(EXAMPLES))
    files = dict(trained.persist())
    loaded = make_component()
    loaded.load(files)

    assert all(isinstance(name, str) and isinstance(content, bytes) for name, content in files.items())
    assert parse(loaded) == parse(trained)


def test_results_stay_json(make_component: MakeComponent) -> None:
    """A result is valid JSON with the same text after the component has processed it, even for unusual texts."""
    component = make_component()
    component.train(deepcopy(EXAMPLES))
    results = parse(component)

    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert [result["text"] for result in results] == list(TEXTS)


def test_a_message_does_not_change_the_next_one(make_component: MakeComponent) -> None:
    """The result for a text does not depend on earlier messages."""
    component = make_component()
    component.train(deepcopy(EXAMPLES))

    assert parse(component) == parse(component)


def test_training_without_examples(make_component: MakeComponent) -> None:
    """A component can be trained without examples and then used."""
    component = make_component()
    component.train([])
    parse(component)


@pytest.mark.parametrize("start", [0, 2])
def test_entities_are_inside_the_text(make_component: MakeComponent, start: int) -> None:
    """Each entity has a name, a value, and a range within the text."""
    component = make_component()
    component.train(deepcopy(EXAMPLES[start:]))

    for result in parse(component):
        for entity in result["entities"]:
            assert {"entity", "value", "start", "end"} <= entity.keys()
            assert 0 <= entity["start"] <= entity["end"] <= len(result["text"])

"""NLU data as JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from manent.core.errors import ProjectError
from manent.core.training_data import EntityMention
from manent.project.reading import read_project

MakeProject = Callable[[dict[str, str]], Path]


def test_json_is_read(make_project: MakeProject) -> None:
    """Examples, entities, synonyms, patterns and lists are read from JSON as from YAML."""
    data = {
        "common_examples": [
            {"text": "to NYC\u00e9 😀", "intent": "greet"},
            {
                "text": "from Rome",
                "intent": "bye",
                "entities": [{"start": 5, "end": 9, "value": "Roma", "entity": "city", "role": "r"}],
            },
        ],
        "regex_features": [{"name": "zip", "pattern": "[0-9]{5}"}],
        "lookup_tables": [{"name": "city", "elements": ["Rome", "Paris"]}],
        "entity_synonyms": [{"value": "New York", "synonyms": ["NYC"]}],
    }
    text = json.dumps({"rasa_nlu_data": data}, indent="\t")

    nlu = read_project(make_project({"data/more.json": text, "data/other.json": "{}"})).nlu

    assert [(example.text, example.intent) for example in nlu.examples[:2]] == [
        ("to NYC\u00e9 😀", "greet"),
        ("from Rome", "bye"),
    ]
    assert nlu.examples[1].entities == (EntityMention(start=5, end=9, entity="city", value="Roma", role="r"),)
    assert nlu.synonyms == {"rome": "Roma", "nyc": "New York"}
    assert nlu.regexes == (("zip", "[0-9]{5}"),)
    assert nlu.lookups == {"city": ("Rome", "Paris")}


@pytest.mark.parametrize(
    "data",
    [
        [],
        {"common_examples": ["hi"]},
        {"common_examples": [{"text": "hi"}]},
        {"common_examples": [{"text": "hi", "intent": "greet", "entities": [{"start": 0, "end": 9, "entity": "e"}]}]},
        {"regex_features": [{"name": "r"}]},
    ],
)
def test_mistakes(data: object, make_project: MakeProject) -> None:
    """Missing values and offsets outside the text are errors with a place."""
    root = make_project({"data/more.json": json.dumps({"rasa_nlu_data": data}, indent=1)})

    with pytest.raises(ProjectError) as caught:
        read_project(root)
    assert {(problem.file, problem.code) for problem in caught.value.problems} == {("data/more.json", "nlu.json")}
    assert all(problem.line for problem in caught.value.problems)

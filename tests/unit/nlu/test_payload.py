from typing import Any

import pytest

from manent.core.domain import Domain, Entity, Intent
from manent.nlu.payload import parse_payload

_DOMAIN = Domain(
    intents={name: Intent(name=name) for name in ("order", "multi word")}
    | {"faq": Intent(name="faq", is_retrieval=True)},
    entities={"dish": Entity(name="dish")},
)


@pytest.mark.parametrize(
    ("text", "name", "confidence"),
    [
        ("/order", "order", 1.0),
        ("  /order  ", "order", 1.0),
        ("/ order", "order", 1.0),
        ("/multi word", "multi word", 1.0),
        ("/order@0.5", "order", 0.5),
        ("/order@7{}", "order", 1.0),
        ("/order{bad json}", "order", 1.0),
        ('/order{"dish":', "order", 1.0),
        ("/restart", "restart", 1.0),
    ],
)
def test_names_an_intent(text: str, name: str, confidence: float) -> None:
    """The intent is what stands before `{` or `@`; broken entities don't matter."""
    result = parse_payload(text, _DOMAIN)

    assert result is not None
    assert result["intent"] == {"name": name, "confidence": confidence}
    assert result["intent_ranking"] == [result["intent"]]
    assert result["entities"] == []
    assert set(result) == {"text", "intent", "intent_ranking", "entities"}


def test_response_key_is_selected() -> None:
    """A retrieval intent with a key is that intent, and the key selects the response."""
    result = parse_payload("/faq/ask_name@0.5", _DOMAIN)

    assert result is not None
    assert result["intent"] == {"name": "faq", "confidence": 0.5, "full_retrieval_intent_name": "faq/ask_name"}
    assert result["intent_ranking"] == [{"name": "faq", "confidence": 0.5}]
    assert result["response_selector"]["faq"]["response"]["utter_action"] == "utter_faq/ask_name"


@pytest.mark.parametrize("text", ["order", "/unknown", "//order", "/order now", "/", "", "/{}", "/@0.5"])
def test_everything_else_is_free_text(text: str) -> None:
    """An intent that the domain doesn't know is no payload."""
    assert parse_payload(text, _DOMAIN) is None


@pytest.mark.parametrize(
    ("json", "values"),
    [
        ('{"dish": "ramen"}', ["ramen"]),
        ('{"dish": ["ramen", "soup"]}', ["ramen", "soup"]),
        ('{"dish": []}', []),
        ('{"dish": null}', [None]),
        ('{"dish": {"name": "ramen", "size": 2}}', [{"name": "ramen", "size": 2}]),
        ('{"unknown": 1, "dish": 2}', [2]),
    ],
)
def test_entities(json: str, values: list[Any]) -> None:
    """A list makes one entity per element; entities that the domain doesn't know are dropped."""
    result = parse_payload("/order" + json, _DOMAIN)

    assert result is not None
    assert [entity["value"] for entity in result["entities"]] == values
    assert all((entity["start"], entity["end"]) == (6, 6 + len(json)) for entity in result["entities"])
    assert all(entity["extractor"] == "RegexMessageHandler" for entity in result["entities"])


def test_a_model_without_a_domain_takes_every_name() -> None:
    """An NLU model alone can't know what is declared."""
    result = parse_payload('/whatever{"x": 1}', Domain())

    assert result is not None
    assert result["intent"]["name"] == "whatever"
    assert result["entities"][0]["entity"] == "x"


@pytest.mark.parametrize(("written", "value"), [("NaN", "NaN"), ("-Infinity", "-Infinity"), ("1e999", "Infinity")])
def test_numbers_that_json_does_not_have_are_texts(written: str, value: str) -> None:
    """The log could not keep them as numbers."""
    result = parse_payload(f'/order{{"dish": {written}}}', _DOMAIN)

    assert result is not None
    assert [item["value"] for item in result["entities"]] == [value]

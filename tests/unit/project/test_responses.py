"""Responses and their variations."""

from collections.abc import Callable

import pytest

from manent.core.domain import Variation
from manent.project.domain.responses import read_response
from manent.project.problems import Report, Spot

SpotOf = Callable[[str], Spot]


def test_every_key(spot_of: SpotOf, report: Report) -> None:
    """All keys of a variation are read, and nested values become plain data."""
    (variation,) = read_response(
        "utter_x",
        spot_of(
            """
- text: hi
  id: one
  image: http://x/y.png
  custom: {a: [1]}
  buttons: [{title: Yes, payload: /yes, extra: 1}]
  button_type: vertical
  quick_replies: [{title: q, payload: /q}]
  attachment: {type: video}
  elements: [{title: t}]
  channel: socketio
  metadata: {tone: warm}
  condition: [{type: slot, name: s, value: true}, {name: t, value: 1}]
"""
        ),
    )

    assert not report.errors
    assert variation == Variation(
        text="hi",
        id="one",
        image="http://x/y.png",
        custom={"a": [1]},
        buttons=({"title": "Yes", "payload": "/yes", "extra": 1},),
        button_type="vertical",
        quick_replies=({"title": "q", "payload": "/q"},),
        attachment={"type": "video"},
        elements=({"title": "t"},),
        channel="socketio",
        metadata={"tone": "warm"},
        conditions=({"type": "slot", "name": "s", "value": True}, {"type": "slot", "name": "t", "value": 1}),
    )
    assert type(variation.buttons[0]) is dict


@pytest.mark.parametrize("text", ['- text: ""', "- custom: {a: 1}", "- text: 5"])
def test_what_is_enough(text: str, spot_of: SpotOf, report: Report) -> None:
    """An empty text or a custom payload is enough, and a number becomes a text."""
    assert len(read_response("utter_x", spot_of(text))) == 1
    assert not report.errors


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("- image: x", 1, "responses.empty"),
        ("- text:\n  custom: {}", 1, "responses.empty"),
        ("- text: a\n- txt: b\n  text: c", 2, "responses.unknown-key"),
        ("- text: a\n  attachment: file.pdf", 2, "responses.attachment"),
        ("- text: a\n  custom: file.pdf", 2, "responses.custom"),
        ("- text: a\n  buttons:\n  - Yes", 3, "responses.buttons"),
        ("- text: a\n  condition:\n  - x", 3, "responses.condition"),
        ("- Hello", 1, "responses.variation"),
        ("Hello", 1, "responses.variations"),
        ("", 1, "responses.variations"),
    ],
)
def test_mistakes(text: str, line: int, code: str, spot_of: SpotOf, report: Report) -> None:
    """Each mistake is reported as one error at its line."""
    read_response("utter_x", spot_of(text))

    assert [(problem.line, problem.code) for problem in report.errors] == [(line, code)]


def test_unknown_kind_of_condition(spot_of: SpotOf, report: Report) -> None:
    """A variation whose condition has an unknown type is never used, as in Rasa, and is a warning."""
    variations = read_response("utter_x", spot_of("- text: a\n  condition:\n  - {type: intent, name: x}\n- text: b\n"))

    assert [variation.text for variation in variations] == ["b"]
    assert not report.errors
    assert [(problem.line, problem.code) for problem in report.warnings] == [(3, "responses.condition-type")]

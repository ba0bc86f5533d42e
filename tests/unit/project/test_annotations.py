"""Entity annotations in messages."""

import pytest

from manent.core.training_data import EntityMention
from manent.project.data.annotations import AnnotationError, has_blank_between, parse_annotated


@pytest.mark.parametrize(
    ("annotated", "text", "mentions"),
    [
        ("plain", "plain", ()),
        (
            "to [Rome](city) now",
            "to Rome now",
            (EntityMention(start=3, end=7, entity="city", value="Rome"),),
        ),
        (
            "at [ten](time:10:00)",
            "at ten",
            (EntityMention(start=3, end=6, entity="time", value="10:00"),),
        ),
        (
            'a [b]{"entity": "e", "value": {"x": [1]}, "role": "r", "group": "g"} c',
            "a b c",
            (EntityMention(start=2, end=3, entity="e", value={"x": [1]}, role="r", group="g"),),
        ),
        (
            '[x][{"entity": "a"}, {"entity": "b", "value": 2}]',
            "x",
            (
                EntityMention(start=0, end=1, entity="a", value="x"),
                EntityMention(start=0, end=1, entity="b", value=2),
            ),
        ),
        (
            "[a](x) [b](y)",
            "a b",
            (
                EntityMention(start=0, end=1, entity="x", value="a"),
                EntityMention(start=2, end=3, entity="y", value="b"),
            ),
        ),
        ("an empty [] and a [note]", "an empty [] and a [note]", ()),
    ],
)
def test_forms(annotated: str, text: str, mentions: tuple[EntityMention, ...]) -> None:
    """Each form of annotation gives the plain text and mentions with offsets into it."""
    assert parse_annotated(annotated) == (text, mentions)


def test_smiley_bracket() -> None:
    """A bracket that no word follows, and that is never closed, is text."""
    assert parse_annotated("oh no :[") == ("oh no :[", ())


@pytest.mark.parametrize(
    "annotated",
    [
        "from [Rome(city)",
        "from [Rome",
        "from [Rome](city",
        "from Rome](city)",
        "[x]()",
        '[x]{"entity": "e"',
        "[x]{entity: e}",
        '[x]{"value": 1}',
        '[x]{"entity": "e", "role": 1}',
        '[x]{"entity": "e", "rolle": "r"}',
        '[x][{"entity": "e"}, 5]',
    ],
)
def test_mistakes(annotated: str) -> None:
    """Unclosed brackets and broken JSON say what was found and what was expected."""
    with pytest.raises(AnnotationError) as caught:
        parse_annotated(annotated)
    assert caught.value.found
    assert caught.value.expected


def test_blank_between_brackets() -> None:
    """A blank between the brackets is seen, since it makes the annotation plain text."""
    assert has_blank_between("to [Rome] (city)")
    assert not has_blank_between("to [Rome](city) (now)")

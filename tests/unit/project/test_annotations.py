"""Entity annotations in messages."""

import pytest

from manent.core.training_data import EntityMention
from manent.project.data.annotations import AnnotatedText, AnnotationError, parse_annotated


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
    assert parse_annotated(annotated) == AnnotatedText(text, mentions)


def test_smiley_bracket() -> None:
    """An unclosed bracket that is not followed by a word is text."""
    assert parse_annotated("oh no :[") == AnnotatedText("oh no :[")


@pytest.mark.parametrize(
    ("annotated", "text"),
    [
        ("only 5 km](size)", "only 5 km](size)"),
        ("maybe [7 km(size) or so", "maybe [7 km(size) or so"),
        ("see [the map", "see [the map"),
        ("from [Rome](city", "from [Rome](city"),
        ("[x]()", "[x]()"),
        ("[x](:c)", "[x](:c)"),
        ("[x](e:)", "[x](e:)"),
        ("[x]{}", "[x]{}"),
        ("[x][]", "x"),
        ("[x][{}]", "x"),
        ('[x]{"entity": "e"', '[x]{"entity": "e"'),
        ('[x][{"entity": "e"}', '[x][{"entity": "e"}'),
        ("to [Rome] (city)", "to [Rome] (city)"),
    ],
)
def test_stray_brackets_are_text(annotated: str, text: str) -> None:
    """A bracket outside an annotation is text, as in Rasa, with one warning that describes the expected form."""
    parsed = parse_annotated(annotated)

    assert (parsed.text, parsed.mentions) == (text, ())
    assert len(parsed.doubts) == 1
    assert parsed.doubts[0].found
    assert parsed.doubts[0].expected


def test_stray_bracket_beside_an_annotation() -> None:
    """A stray bracket does not hide the annotations of the same message."""
    parsed = parse_annotated("5 km](size) to [Rome](city) [by train")

    assert parsed.text == "5 km](size) to Rome [by train"
    assert [(mention.start, mention.end) for mention in parsed.mentions] == [(15, 19)]
    assert len(parsed.doubts) == 2


def test_unknown_label_key() -> None:
    """An unknown key of an annotation is ignored, with a warning."""
    parsed = parse_annotated('[x]{"entity": "e", "rolle": "r"}')

    assert parsed.mentions == (EntityMention(start=0, end=1, entity="e", value="x"),)
    assert "rolle" in parsed.doubts[0].found


@pytest.mark.parametrize(
    "annotated",
    [
        "[x]{entity: e}",
        "[x]{'entity': 'e'}",
        '[x]{"value": 1}',
        '[x]{"entity": "e", "role": 1}',
        '[x][{"entity": "e"}, 5]',
    ],
)
def test_mistakes(annotated: str) -> None:
    """Braces without an entity are an error with the text that was found and the form that was expected."""
    with pytest.raises(AnnotationError) as caught:
        parse_annotated(annotated)
    assert caught.value.found
    assert caught.value.expected


def test_no_doubt() -> None:
    """Brackets that do not look like an annotation cause no warning."""
    for text in ("to [Rome](city) (now)", "an array[0] of (things)", "oh no :[", "[note] to self"):
        assert parse_annotated(text).doubts == ()

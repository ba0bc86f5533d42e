"""Long texts and many buttons."""

import pytest

from manent.channels.texts import numbered, shorten, split_text, utf8_bytes, utf16_units


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("", 10, []),
        ("  short ", 10, ["short"]),
        ("one two three", 8, ["one two", "three"]),
        ("One. Two three four", 12, ["One. Two", "three four"]),
        ("first line\nsecond line", 15, ["first line", "second line"]),
        ("paragraph\n\nother text", 16, ["paragraph", "other text"]),
        ("aaaaaaaaaaaa", 5, ["aaaaa", "aaaaa", "aa"]),
    ],
)
def test_split(text: str, limit: int, pieces: list[str]) -> None:
    """A text is cut at the best place in the second half of a piece."""
    assert split_text(text, limit) == pieces


@pytest.mark.parametrize("measure", [utf16_units, utf8_bytes])
def test_split_by_a_platforms_measure(measure: type) -> None:
    """No piece is longer than the limit in the units of the platform, and no character is cut in two or lost."""
    text = "\U0001f600" * 100
    pieces = split_text(text, 30, measure)
    assert "".join(pieces) == text
    assert all(measure(piece) <= 30 for piece in pieces)


def test_numbered_and_shortened() -> None:
    """Buttons are listed in order; a title that is too long ends in an ellipsis."""
    assert numbered("Choose.", [{"title": "A"}, {"title": "B"}]) == "Choose.\n1. A\n2. B"
    assert numbered("", [{"title": "A"}]) == "1. A"
    assert numbered("", [{"title": "A", "url": "https://a.invalid"}]) == "1. A: https://a.invalid"
    assert (shorten("abcdef", 6), shorten("abcdefg", 6)) == ("abcdef", "abcde…")

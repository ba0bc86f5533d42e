"""Long messages of strangers cost little, whatever patterns a project has."""

import time

import pytest

from manent.nlu.components.patterns import MAX_SEARCHED, PatternExtractor
from manent.nlu.message import Message

E_MAIL = r"[^\s@,;:<>()]+@[^\s@,;:<>()]*[^\s@,;:<>().!?]"
LONGEST = 64_000


@pytest.mark.parametrize("unit", ["a", "a.", "1", "é", "a@"])
def test_a_pattern_without_a_match_ends_soon(unit: str) -> None:
    """What takes a minute when all of the text is tried from each of its letters takes a moment."""
    extractor = PatternExtractor([("email", E_MAIL)], case_sensitive=False)
    message = Message((unit * LONGEST)[:LONGEST])
    began = time.process_time()
    extractor.process(message)

    assert time.process_time() - began < 2


def test_what_people_write_is_looked_at_in_full() -> None:
    """An address at the end of two pages of text is found."""
    text = "word " * (MAX_SEARCHED // 5 - 10) + "ada@example.org"
    message = Message(text)
    PatternExtractor([("email", E_MAIL)], case_sensitive=False).process(message)

    assert [entity["value"] for entity in message.entities] == ["ada@example.org"]

"""Transcripts of conversations."""

import pytest

from manent.core.conversation_log import LogEntry, View
from manent.core.events import BotUttered, UserUttered
from manent.runtime.export import transcript_lines


def test_control_characters_are_escaped() -> None:
    """Control characters in texts are escaped, because operators read transcripts in terminals."""
    entry = LogEntry(seq=1, event=UserUttered(timestamp=0.0, text="a\x1b[2Jb\tc\x9bd"), view=View(prev=0))

    assert list(transcript_lines(entry)) == ["1970-01-01 00:00:00  visitor  a�[2Jb c�d"]


def test_lines_of_a_transcript() -> None:
    """Buttons follow their text, images and custom JSON have their own lines, and internal events have none."""
    data = {"buttons": [{"title": "Yes", "payload": "/yes"}], "image": "https://example.org/a.png", "custom": {"a": 1}}
    shown = LogEntry(
        seq=2, event=BotUttered(timestamp=0.0, text="Well?", data=data), view=View(prev=1, divider="session")
    )
    said = [line.rpartition("  ")[2] for line in transcript_lines(shown)]

    assert said[:2] == ["--- session ---", "Well? [Yes]"]
    assert said[2] == '{"a":1}'
    assert "https://example.org/a.png" in said[3]
    assert list(transcript_lines(LogEntry(seq=3, event=BotUttered(text="x")))) == []


@pytest.mark.parametrize("seconds", [1.7e12, 1e300, -1e300])
def test_time_outside_the_calendar_is_shown_as_a_number(seconds: float) -> None:
    """A client can send an event with a time in milliseconds. The transcript of its conversation can still be read."""
    entry = LogEntry(seq=1, event=BotUttered(timestamp=seconds, text="Hello."), view=View(prev=0))

    assert list(transcript_lines(entry)) == [f"{seconds:g}  bot      Hello."]

"""What a client has: in order, once, and aware of holes."""

from typing import Any

from manent.client.transcript import Transcript

Json = dict[str, Any]


def message(seq: int, prev: int, part: int = 0, parts: int = 1) -> Json:
    """A message as the server sends it."""
    return {"role": "bot", "text": f"{seq}.{part}", "seq": seq, "id": f"{seq}.{part}", "parts": parts, "prev": prev}


def answer(*messages: Json, seq: int, epoch: str = "e", gap: bool = False, has_more: bool = False) -> Json:
    """An answer to `session_request`."""
    return {"epoch": epoch, "seq": seq, "messages": list(messages), "gap": gap, "has_more": has_more}


def ids(transcript: Transcript) -> list[str]:
    """The messages at hand."""
    return [each["id"] for each in transcript.messages]


def test_live_messages_move_the_cursor() -> None:
    """A message right after the cursor is taken, and the cursor moves to it; again, it is dropped."""
    transcript = Transcript()
    transcript.begin(answer(message(3, 0), seq=4))

    assert transcript.live(message(6, 3)) is True
    assert transcript.live(message(6, 3)) is True
    assert (transcript.cursor, ids(transcript)) == (6, ["3.0", "6.0"])


def test_cursor_waits_for_all_parts() -> None:
    """An event of two parts counts when both are there, in whatever order they come."""
    transcript = Transcript()
    transcript.begin(answer(seq=0))
    transcript.live(message(3, 0, 1, 2))
    assert transcript.cursor == 0
    transcript.live(message(3, 0, 0, 2))

    assert (transcript.cursor, ids(transcript)) == (3, ["3.0", "3.1"])


def test_missing_message_is_noticed() -> None:
    """A message whose predecessor is beyond the cursor tells of a gap and leaves the cursor where it is."""
    transcript = Transcript()
    transcript.begin(answer(message(3, 0), seq=4))

    assert transcript.live(message(9, 6)) is False
    assert transcript.cursor == 4


def test_internal_events_are_no_gap() -> None:
    """The cursor of an answer may be beyond its last message; the next message's `prev` is that message."""
    transcript = Transcript()
    transcript.begin(answer(message(3, 0), seq=5))

    assert transcript.live(message(7, 3)) is True
    assert transcript.cursor == 7


def test_another_epoch_throws_the_list_away() -> None:
    """After an erase nothing of the old log stays."""
    transcript = Transcript()
    transcript.begin(answer(message(3, 0), seq=4))
    assert transcript.begin(answer(message(2, 0), seq=2, epoch="f", gap=True)) is False

    assert (transcript.epoch, transcript.cursor, ids(transcript)) == ("f", 2, ["2.0"])


def test_hole_between_pages_is_asked_for() -> None:
    """A newest page that does not reach what is here leaves a hole; one that does leaves none."""
    transcript = Transcript()
    transcript.begin(answer(message(3, 0), seq=3))
    assert transcript.begin(answer(message(9, 6), seq=9, gap=True, has_more=True)) is True
    transcript.add_history({"messages": [message(6, 3)], "has_more": True})

    assert ids(transcript) == ["3.0", "6.0", "9.0"]
    assert transcript.begin(answer(message(12, 9), seq=12, gap=True)) is False

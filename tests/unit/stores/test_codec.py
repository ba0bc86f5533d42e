"""The stored form of events, of today and of older formats."""

import msgspec
import pytest

from manent.core.conversation_log import LogEntry
from manent.core.errors import StoreError
from manent.core.events import Json, SlotSet, UserUttered, encode_event
from manent.stores import codec
from manent.testing.logs import empty, turn


def test_rows_round_trip() -> None:
    """What is written is read, views and all."""
    for entry in turn(empty(), "héllo", divider="restart").entries:
        assert codec.row_to_entry(codec.entry_to_row(entry)) == entry


def test_old_formats_are_lifted_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event of two formats ago goes through both upcasts, one of last format through one."""

    def rename(event: Json) -> Json:
        return {**event, "text": event["said"]} if "said" in event else event

    def mark(event: Json) -> Json:
        return {**event, "metadata": {**event.get("metadata", {}), "lifted": True}}

    monkeypatch.setattr(codec, "FORMAT", 3)
    monkeypatch.setattr(codec, "UPCASTS", {1: rename, 2: mark})
    oldest = msgspec.json.encode({"event": "user", "timestamp": 1.0, "said": "hi"})
    lifted = UserUttered(timestamp=1.0, text="hi", metadata={"lifted": True})

    assert codec.row_to_entry((4, 1, None, None, None, oldest)) == LogEntry(seq=4, event=lifted)
    assert msgspec.json.decode(codec.current_json(oldest, 1))["metadata"] == {"lifted": True}
    middle = encode_event(SlotSet(timestamp=1.0, name="a", value=None))
    assert codec.read_event(middle, 2) == SlotSet(timestamp=1.0, name="a", value=None, metadata={"lifted": True})
    assert codec.read_event(middle, 3) == SlotSet(timestamp=1.0, name="a", value=None)


@pytest.mark.parametrize("written_as", [0, codec.FORMAT + 1])
def test_unknown_formats_are_refused(written_as: int) -> None:
    """A format without a way to today's (a newer version's, say) is an error, not a guess."""
    for read in (codec.read_event, codec.current_json):
        with pytest.raises(StoreError) as refused:
            read(encode_event(SlotSet(name="a", value=1)), written_as)
        assert refused.value.code == "store_event_unreadable"


@pytest.mark.parametrize("data", [b"", b"{", b'{"event":"no such"}', b"\xff\xfe", b'{"event":"slot"}'])
def test_damaged_events_are_refused(data: bytes) -> None:
    """Bytes that are no event give the store's error."""
    with pytest.raises(StoreError) as refused:
        codec.read_event(data)

    assert refused.value.code == "store_event_unreadable"

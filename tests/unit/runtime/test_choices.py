"""Which button a visitor's text selects."""

from manent.core.conversation_log import LogEntry, View
from manent.core.events import BotUttered, Event, UserUttered
from manent.runtime.choices import find_choice, may_be_choice, short_payload

LONG = "/order" + "x" * 100
BUTTONS = [{"title": "Tea", "payload": "/tea"}, {"title": "Order", "payload": LONG}, {"title": "No payload"}]
ASKED = BotUttered(text="Choose.", data={"buttons": BUTTONS})


def log(*events: Event) -> list[LogEntry]:
    """Return visible entries."""
    return [LogEntry(seq=seq, event=event, view=View(prev=seq - 1)) for seq, event in enumerate(events, 1)]


def test_short_keys() -> None:
    """A short payload is sent unchanged. The key of a long payload is found in the log, also after other messages."""
    assert short_payload("/tea", 64) == "/tea"
    key = short_payload(LONG, 64)
    assert len(key.encode()) == 33
    assert may_be_choice(key)
    later = log(ASKED, UserUttered(text="hm"), BotUttered(text="Yes?"))
    assert find_choice(key, later, max_buttons=9) == (LONG, "Order")
    assert find_choice("~" + "0" * 32, later, max_buttons=9) is None
    assert short_payload(key, 64) != key  # a visitor's text that looks like a key has a key, too


def test_numbers() -> None:
    """A number selects a button only if the buttons were listed with numbers in the last message."""
    assert find_choice("2", log(ASKED), max_buttons=2) == (LONG, "Order")
    assert find_choice("3.", log(ASKED), max_buttons=2) == ("No payload", "No payload")
    assert find_choice("4", log(ASKED), max_buttons=2) is None
    assert find_choice("2", log(ASKED), max_buttons=3) is None
    assert find_choice("2", log(ASKED, UserUttered(text="1")), max_buttons=2) is None
    assert find_choice("2", log(BotUttered(text="Hello.")), max_buttons=2) is None
    assert find_choice("2", [], max_buttons=2) is None
    assert not any(map(may_be_choice, ("0", "100", "two", "", "1 2", "²")))

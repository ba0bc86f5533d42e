"""What a visitor sees of an event."""

from typing import Any

import pytest

from manent.core.conversation_log import LogEntry, View
from manent.core.events import ActionExecuted, BotUttered, Json, UserUttered
from manent.runtime.visitor_messages import bot_parts, is_visible, messages_of, plain_payload, title_of

BUTTONS = [{"title": "Yes", "payload": "/yes", "x": 1}, {"title": "No", "payload": "/no"}]
SHOWN_BUTTONS = [
    {"content_type": "text", "title": "Yes", "payload": "/yes"},
    {"content_type": "text", "title": "No", "payload": "/no"},
]


@pytest.mark.parametrize(
    ("text", "data", "parts"),
    [
        ("Hello.", {}, [{"text": "Hello."}]),
        (" one \n\ntwo", {}, [{"text": "one "}, {"text": "two"}]),
        ("", {}, []),
        (None, {}, []),
        (
            "Sure?\n\nReally?",
            {"buttons": BUTTONS},
            [{"text": "Sure?", "quick_replies": []}, {"text": "Really?", "quick_replies": SHOWN_BUTTONS}],
        ),
        (
            "Sure?",
            {"buttons": [{"title": "a", "payload": "/a"}], "quick_replies": BUTTONS},
            [{"text": "Sure?", "quick_replies": SHOWN_BUTTONS}],
        ),
        (
            None,
            {"image": "https://a/b.png"},
            [{"attachment": {"type": "image", "payload": {"src": "https://a/b.png"}}}],
        ),
        (None, {"attachment": {"type": "file"}}, [{"attachment": {"type": "file"}}]),
        (
            None,
            {"elements": [{"title": "a"}]},
            [{"attachment": {"type": "template", "payload": {"template_type": "generic", "elements": {"title": "a"}}}}],
        ),
        ("Look", {"custom": {"a": 1}, "image": "i"}, None),
    ],
)
def test_bot_event_as_payloads(text: str | None, data: Json, parts: list[Json] | None) -> None:
    """A bot event shows as Rasa's Socket.IO channel shows it, key by key and in its order."""
    shown = bot_parts(BotUttered(text=text, data=data), plain=True)
    if parts is None:
        assert [sorted(part) for part in shown] == [["text"], ["custom"], ["attachment"]]
    else:
        assert shown == parts


@pytest.mark.parametrize(
    ("button", "shown", "shown_plain"),
    [
        ({"title": "Map", "url": "https://a/"}, {"payload": None, "url": "https://a/"}, {"type": "web_url"}),
        (
            {"title": "Map", "payload": "", "url": "https://a/"},
            {"payload": "", "url": "https://a/"},
            {"type": "web_url"},
        ),
        ({"title": "Map", "payload": "/map", "url": "https://a/"}, {"payload": "/map", "url": "https://a/"}, None),
    ],
)
def test_a_button_with_an_address(button: Json, shown: Json, shown_plain: Json | None) -> None:
    """Protocol 1 gets the address of every button; plain clients get it if the button has no payload."""
    event = BotUttered(text="Where?", data={"buttons": [button]})

    (part,) = bot_parts(event)
    assert part["quick_replies"] == [{"content_type": "text", "title": "Map", **shown}]
    (part,) = bot_parts(event, plain=True)
    plain = {"content_type": "text", "title": "Map", "payload": button.get("payload")}
    address = {} if shown_plain is None else {**shown_plain, "url": "https://a/"}
    assert part["quick_replies"] == [{**plain, **address}]


def test_a_text_is_one_message() -> None:
    """Blank lines do not tear code or a list apart, except for plain clients."""
    text = "Run:\n\n```\na\n\nb\n```\n\n- one\n\n- two"

    assert bot_parts(BotUttered(text=text)) == [{"text": text}]
    assert len(bot_parts(BotUttered(text=text), plain=True)) > 1


@pytest.mark.parametrize(
    ("custom", "payload"),
    [({"a": 1}, {"a": 1}), ({"data": {"b": 2}, "room": "x"}, {"b": 2}), ([1, 2], [1, 2])],
)
def test_custom_json_for_plain_clients(custom: Any, payload: Any) -> None:
    """Plain clients get custom JSON itself, out of its `data` when it has one; protocol 1 gets it whole."""
    (part,) = bot_parts(BotUttered(data={"custom": custom}))

    assert part == {"custom": custom}
    assert plain_payload(part) == payload


def test_only_what_shows_is_visible() -> None:
    """A bot event without anything to show is internal, as is every other event."""
    assert is_visible(BotUttered(text="Hello."))
    assert not is_visible(BotUttered(text=""))
    assert not is_visible(ActionExecuted(name="action_listen"))


def test_parts_share_their_event() -> None:
    """The parts of one event have its number and count, ids of their own, and the divider on the first."""
    entry = LogEntry(
        seq=7, event=BotUttered(timestamp=1.5, text="a", data={"image": "b"}), view=View(prev=3, divider="restart")
    )
    first, second = messages_of(entry)

    assert first == {
        "role": "bot",
        "text": "a",
        "seq": 7,
        "id": "7.0",
        "parts": 2,
        "prev": 3,
        "timestamp": 1.5,
        "divider": "restart",
    }
    assert (second["id"], second["prev"], "divider" in second) == ("7.1", 3, False)


def test_internal_events_have_no_messages() -> None:
    """Asking for the messages of an internal event is a mistake of the program."""
    with pytest.raises(ValueError, match="not visible"):
        messages_of(LogEntry(seq=1, event=UserUttered(text="EXTERNAL: x")))


def test_title_comes_from_the_newest_question() -> None:
    """The title of a payload is that of the last bot message's button, not of one before an earlier user turn."""
    asked = BotUttered(text="?", data={"buttons": BUTTONS})

    assert title_of("/yes", [asked]) == "Yes"
    assert title_of("/other", [asked]) is None
    assert title_of("/yes", [UserUttered(text="x"), asked]) is None

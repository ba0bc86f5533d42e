"""The messages that a visitor sees of an event."""

from typing import Any

import pytest

from manent.channels.replies import replies_of
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
    """Plain clients receive the payloads of Rasa's Socket.IO channel, with the same keys in the same order."""
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
    """Protocol 1 receives the URL of every button. Plain clients receive it if the button has no payload."""
    event = BotUttered(text="Where?", data={"buttons": [button]})

    (part,) = bot_parts(event)
    assert part["quick_replies"] == [{"content_type": "text", "title": "Map", **shown}]
    (part,) = bot_parts(event, plain=True)
    plain = {"content_type": "text", "title": "Map", "payload": button.get("payload")}
    address = {} if shown_plain is None else {**shown_plain, "url": "https://a/"}
    assert part["quick_replies"] == [{**plain, **address}]


def test_a_text_is_one_message() -> None:
    """Blank lines split a text into several messages only for plain clients."""
    text = "Run:\n\n```\na\n\nb\n```\n\n- one\n\n- two"

    assert bot_parts(BotUttered(text=text)) == [{"text": text}]
    assert len(bot_parts(BotUttered(text=text), plain=True)) > 1


@pytest.mark.parametrize(
    ("custom", "payload"),
    [({"a": 1}, {"a": 1}), ({"data": {"b": 2}, "room": "x"}, {"b": 2}), ([1, 2], [1, 2])],
)
def test_custom_json_for_plain_clients(custom: Any, payload: Any) -> None:
    """Plain clients receive `data` of custom JSON, if it exists. Protocol 1 receives the whole value."""
    (part,) = bot_parts(BotUttered(data={"custom": custom}))

    assert part == {"custom": custom}
    assert plain_payload(part) == payload


def test_events_without_content_are_internal() -> None:
    """A bot message without content is internal, and so are other events."""
    assert is_visible(BotUttered(text="Hello."))
    assert not is_visible(BotUttered(text=""))
    assert not is_visible(ActionExecuted(name="action_listen"))


def test_parts_share_their_event() -> None:
    """The parts of an event have its `seq`, the number of parts, and different ids. The first has the divider."""
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
    """`messages_of` raises ValueError for an internal event."""
    with pytest.raises(ValueError, match="not visible"):
        messages_of(LogEntry(seq=1, event=UserUttered(text="EXTERNAL: x")))


def test_title_comes_from_the_newest_question() -> None:
    """The title comes from a button of the last bot message, not of one before the user's last message."""
    asked = BotUttered(text="?", data={"buttons": BUTTONS})

    assert title_of("/yes", [asked]) == "Yes"
    assert title_of("/other", [asked]) is None
    assert title_of("/yes", [UserUttered(text="x"), asked]) is None


@pytest.mark.parametrize("odd", [5, "Yes", {"title": "Yes"}, [7, None]])
@pytest.mark.parametrize("key", ["buttons", "quick_replies", "elements"])
def test_malformed_lists_show_nothing(key: str, odd: object) -> None:
    """Events of the API and of custom actions can have such values. They make no conversation unreadable."""
    event = BotUttered(text="Hello.", data={key: odd})
    shown = messages_of(LogEntry(seq=1, event=event, view=View(prev=0)))

    assert [message["text"] for message in shown if "text" in message] == ["Hello."]
    assert title_of("Yes", [event]) is None
    assert is_visible(BotUttered(data={key: odd})) in (True, False)
    assert replies_of("ada", event)[0]["text"] == "Hello."
